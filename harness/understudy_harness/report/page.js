"use strict";
(() => {
  const $ = (id) => document.getElementById(id);
  const make = (tag, cls, text) => {
    const node = document.createElement(tag);
    if (cls) node.className = cls;
    if (text !== undefined) node.textContent = text;
    return node;
  };
  const read = (id) => { const node = $(id); return node ? JSON.parse(node.textContent) : null; };

  /* A transcript: only what is new since the call before is shown of a conversation that grows. */
  const say = (cls, who, facts, blocks) => {
    const box = make("div", "event " + cls);
    const line = make("div", "who");
    line.append(make("b", "", who));
    for (const fact of facts) if (fact) line.append(make("span", "", fact));
    box.append(line);
    for (const [kind, text] of blocks) if (text) box.append(make("pre", kind, text));
    return box;
  };
  const calls = (list) => (list || []).map((c) => c.name + "(" + c.arguments + ")").join("\n");
  const money = (usd) => (usd ? "$" + usd.toPrecision(2) : "");
  const render = (events, into) => {
    let before = [];
    for (const e of events) {
      const d = e.detail || {};
      const took = e.seconds ? e.seconds.toFixed(2) + " s" : "";
      if (e.kind === "generate") {
        const messages = d.messages || [];
        let same = 0;
        while (same < before.length && same < messages.length &&
               before[same] === messages[same].role + messages[same].content) same++;
        before = messages.map((m) => m.role + m.content);
        for (const m of messages.slice(same))
          into.append(say("", m.role, [same ? "continues" : ""],
                          [[m.role, m.content + (m.tool_calls ? "\n" + calls(m.tool_calls) : "")]]));
        const u = e.usage || {};
        into.append(say(e.error ? "poor" : "", e.role + " " + e.name,
          [e.path, u.input_tokens ? u.input_tokens + " → " + (u.output_tokens || 0) + " tokens" : "", took, money(e.usd),
           d.temperature ? "temperature " + d.temperature : "", d.truncated ? "PROMPT WAS CUT" : "",
           d.finish && d.finish !== "stop" ? d.finish : ""],
          [["reasoning", d.reasoning], ["answer", d.text], ["answer", calls(d.tool_calls)], ["", e.error]]));
      } else if (e.kind === "check") {
        into.append(say(d.accepted ? "good" : "poor", "check: " + e.name, [e.path, took], [["", d.feedback], ["", e.error]]));
      } else if (e.kind === "call") {
        into.append(say(e.error || d.is_error ? "poor" : "", "tool " + e.name, [e.path, took],
          [["", d.arguments ? JSON.stringify(d.arguments, null, 1) : ""], ["answer", d.text], ["", e.error]]));
      } else if (e.kind === "grade") {
        into.append(say(e.score >= 1 ? "good" : "poor", "hidden grade: " + e.name,
          ["score " + e.score, e.value !== undefined ? "answered " + e.value : ""], [["", d.feedback]]));
      } else {
        into.append(say("", e.kind + " " + (e.name || ""), [e.path],
          [["", e.detail ? JSON.stringify(d, null, 1) : ""], ["", e.error]]));
      }
    }
  };

  const lost = "This transcript is damaged or is not this row's, so it is not shown.";

  /* Linked pages: every record brings its own data, so that a broken one breaks nothing else. */
  for (const node of document.querySelectorAll("script[data-record]")) {
    const into = make("div", "");
    try { render(JSON.parse(node.textContent).events || [], into); }
    catch (error) { into.append(make("p", "note", lost)); }
    node.parentNode.append(into);
  }

  const data = read("grid-data");
  if (data) {
    const inline = read("transcripts") || {};
    const dialog = $("transcript");
    const open = (bench, sample, arm, epoch) => {
      const b = data[bench];
      const slot = (sample * b.arms.length + arm) * b.epochs + epoch;
      const events = (inline[bench] || {})[slot];
      const page = Math.floor(slot / b.perPage);
      if (!events) { if (b.pages) location.href = b.folder + String(page + 1).padStart(4, "0") + ".html#r" + slot; return; }
      const sheet = $("sheet");
      sheet.replaceChildren();
      const head = make("div", "sheet-head");
      const title = make("div", "");
      title.append(make("h3", "mono", b.arms[arm].label), make("p", "note", b.ids[sample] + " · " + b.clusterNames[b.clusters[sample]]));
      const close = make("button", "close", "Close");
      close.addEventListener("click", () => dialog.close());
      head.append(title, close);
      sheet.append(head);
      if (b.epochs > 1) {
        const turns = make("div", "tools");
        for (let k = 0; k < b.epochs; k++) {
          const button = make("button", "", "epoch " + (k + 1));
          button.setAttribute("aria-pressed", k === epoch);
          button.addEventListener("click", () => open(bench, sample, arm, k));
          turns.append(button);
        }
        sheet.append(turns);
      }
      if (Array.isArray(events)) render(events, sheet); else sheet.append(make("p", "note", lost));
      if (!dialog.open) dialog.showModal();
      sheet.scrollTop = 0;
    };
    if (dialog) dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });

    const level = (char) => "0123456789".indexOf(char) >= 0 ? +char : char === "a" ? 10 : -1;
    data.forEach((b, bench) => {
      const body = $("grid-" + bench), more = $("more-" + bench), count = $("count-" + bench);
      if (!body) return;
      const at = (arm, sample) => level(b.arms[arm].cells[sample]);
      const find = (kind) => b.arms.findIndex((arm) => arm.kind === kind);
      const L = find("L"), S = find("S");
      const keep = {
        all: () => true,
        differ: (s) => new Set(b.arms.map((_, arm) => at(arm, s))).size > 1,
        gained: (s) => L >= 0 && b.arms.some((arm, i) => arm.kind === "S" && at(i, s) > at(L, s)),
        lost: (s) => L >= 0 && b.arms.some((arm, i) => arm.kind === "S" && at(i, s) >= 0 && at(i, s) < at(L, s)),
        never: (s) => b.arms.every((_, arm) => at(arm, s) <= 0),
      };
      let filter = "all", words = "", shown = 40;
      const draw = () => {
        const wanted = [];
        for (let s = 0; s < b.ids.length; s++)
          if (keep[filter](s) && (!words || (b.ids[s] + " " + b.clusterNames[b.clusters[s]]).toLowerCase().includes(words))) wanted.push(s);
        body.replaceChildren();
        for (const s of wanted.slice(0, shown)) {
          const row = make("tr");
          const name = make("td", "mono", b.ids[s]);
          name.title = b.ids[s];
          row.append(name, make("td", "cluster", b.clusterNames[b.clusters[s]]));
          b.arms.forEach((arm, index) => {
            const value = at(index, s), cell = make("td");
            if (value < 0) cell.append(make("span", "cell none", "–"));
            else {
              const button = make("button", "cell s" + value, value === 10 ? "✓" : value === 0 ? "" : value * 10);
              button.setAttribute("aria-label", arm.label + " on " + b.ids[s] + ": " + value * 10 + " percent. Show the transcript.");
              button.addEventListener("click", () => open(bench, s, index, 0));
              cell.append(button);
            }
            row.append(cell);
          });
          body.append(row);
        }
        more.hidden = wanted.length <= shown;
        more.textContent = "Show " + Math.min(200, wanted.length - shown) + " more";
        count.textContent = wanted.length + " of " + b.ids.length + " samples";
      };
      more.addEventListener("click", () => { shown += 200; draw(); });
      for (const button of document.querySelectorAll("[data-bench='" + bench + "'][data-filter]"))
        button.addEventListener("click", () => {
          filter = button.dataset.filter;
          shown = 40;
          for (const other of button.parentNode.querySelectorAll("button")) other.setAttribute("aria-pressed", other === button);
          draw();
        });
      const search = $("search-" + bench);
      search.addEventListener("input", () => { words = search.value.trim().toLowerCase(); shown = 40; draw(); });
      draw();
    });
  }

  for (const button of document.querySelectorAll(".copy"))
    button.addEventListener("click", async () => {
      const text = button.previousElementSibling.textContent;
      try { await navigator.clipboard.writeText(text); button.textContent = "Copied"; }
      catch (error) { getSelection().selectAllChildren(button.previousElementSibling); }
    });
})();
