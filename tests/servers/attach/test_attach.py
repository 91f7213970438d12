"""`understudy attach`: the client's file gains or loses exactly our entry."""

import json
import stat
import tomllib
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from hypothesis import example, given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from understudy_servers.attach import commands, jsonc
from understudy_servers.attach.commands import CLIENTS, attach, client_named, place_of
from understudy_servers.attach.edit import BACKUP_SUFFIX


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    home = tmp_path / "home"
    project = tmp_path / "project"
    home.mkdir()
    project.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.chdir(project)
    return home


def run(*args: str) -> Result:
    return CliRunner().invoke(attach, list(args))


def written(client: str, home: Path) -> Any:
    chosen = client_named(client)
    text = chosen.user(place_of(home)).read_text("utf-8")
    if chosen.format == "json":
        data = jsonc.load(text)
    elif chosen.format == "toml":
        data = tomllib.loads(text)
    else:
        data = YAML(typ="safe").load(text)
    for key in chosen.at:
        data = data.get(key, {})  # an empty TOML table leaves no trace
    return data


@pytest.mark.parametrize("client", CLIENTS)
def test_a_client_gets_an_entry_with_the_absolute_path_of_this_installation(client: str, home: Path) -> None:
    result = run(client, "--user")

    assert result.exit_code == 0, result.output
    servers = written(client, home)
    entry = servers[0] if client_named(client).listed else servers["understudy"]
    words = json.dumps(entry)
    assert Path(commands.entry_for("all", uvx=False).command).is_absolute()
    assert commands.entry_for("all", uvx=False).command in words
    assert '"serve", "all"' in words


@pytest.mark.parametrize("client", CLIENTS)
def test_attaching_twice_changes_nothing_and_removing_restores_the_servers(client: str, home: Path) -> None:
    chosen = client_named(client)
    path = chosen.user(place_of(home))
    run(client, "--user", "--server", "thinking", "--server", "docs")
    once = path.read_bytes()

    again = run(client, "--user", "--server", "thinking", "--server", "docs")
    assert path.read_bytes() == once
    assert "Already there" in again.output

    assert "Removed" in run(client, "--user", "--remove").output
    assert not path.exists()
    assert "No entry of ours" in run(client, "--user", "--remove").output


@pytest.mark.parametrize("client", CLIENTS)
def test_print_shows_a_complete_file_and_writes_nothing(client: str, home: Path) -> None:
    result = run(client, "--user", "--print")

    assert result.exit_code == 0
    assert "understudy" in result.stdout
    assert list(home.rglob("*")) == []


def test_comments_and_everything_else_in_a_json_file_stay_as_they_were() -> None:
    kept = '{\n  // my model\n  "model": "local/qwen", // the small one\n  "mcp": {'
    kept += '\n    "other": {"type": "local"}, /* keep */'
    before = kept + "\n  },\n}\n"
    path = Path("opencode.json")
    path.write_text(before)

    run("opencode", "--project")

    after = path.read_text()
    assert after.startswith(kept)
    assert set(jsonc.load(after)["mcp"]) == {"other", "understudy"}
    assert Path(f"opencode.json{BACKUP_SUFFIX}").read_text() == before
    run("opencode", "--project", "--remove")
    assert jsonc.load(path.read_text()) == jsonc.load(before)


def test_comments_and_tables_in_a_toml_file_stay_as_they_were(home: Path) -> None:
    path = home / ".codex/config.toml"
    path.parent.mkdir()
    before = '# mine\nmodel = "gpt" # why\n\n[mcp_servers.other]\ncommand = "x"\n\n[tui]\ntheme = "dark"\n'
    path.write_text(before)

    run("codex", "--user")
    after = path.read_text()
    assert "# mine" in after
    assert "# why" in after
    assert set(tomllib.loads(after)["mcp_servers"]) == {"other", "understudy"}
    assert tomllib.loads(after)["tui"] == {"theme": "dark"}

    run("codex", "--user", "--remove")
    assert tomllib.loads(path.read_text()) == tomllib.loads(before)


def test_comments_in_a_yaml_file_stay_as_they_were(home: Path) -> None:
    path = home / ".config/goose/config.yaml"
    path.parent.mkdir(parents=True)
    path.write_text("# mine\nGOOSE_MODEL: qwen # small\nextensions:\n  developer:\n    enabled: true\n")

    run("goose")

    after = path.read_text()
    assert "# mine" in after
    assert "# small" in after
    assert set(YAML(typ="safe").load(after)["extensions"]) == {"developer", "understudy"}


def test_a_listed_server_is_replaced_and_not_doubled(home: Path) -> None:
    path = home / ".vibe/config.toml"
    path.parent.mkdir()
    path.write_text('[[mcp_servers]]\nname = "other"\n\n[[mcp_servers]]\nname = "understudy"\ncommand = "/old"\n')

    run("vibe")

    rows = tomllib.loads(path.read_text())["mcp_servers"]
    assert [row["name"] for row in rows] == ["other", "understudy"]
    assert rows[1]["command"] != "/old"


def test_a_file_that_is_not_json_is_left_alone_with_a_sentence() -> None:
    path = Path("opencode.json")
    path.write_text('{\n  "mcp": {,}\n}')

    result = run("opencode", "--project")

    assert result.exit_code == 2
    assert "line 2" in result.output
    assert "Nothing was changed" in result.output
    assert path.read_text() == '{\n  "mcp": {,}\n}'


@pytest.mark.parametrize("text", ['{"mcp": []}', '{"mcp": 3}', "[]", "\x00", '{"mcp": {"understudy": }}'])
def test_a_file_of_another_shape_is_left_alone_with_a_sentence(text: str) -> None:
    Path("opencode.json").write_text(text)

    result = run("opencode", "--project")

    assert result.exit_code == 2
    assert Path("opencode.json").read_text() == text


def test_the_other_spelling_of_a_file_is_edited_and_not_doubled() -> None:
    Path("opencode.jsonc").write_text("{} // mine\n")

    run("opencode", "--project")

    assert "understudy" in jsonc.load(Path("opencode.jsonc").read_text())["mcp"]
    assert not Path("opencode.json").exists()


def test_a_client_without_projects_says_so() -> None:
    result = run("lmstudio", "--project")

    assert result.exit_code == 2
    assert "has no configuration per project. Use --user." in result.output


def test_uvx_names_the_published_version_and_the_extra_that_docs_needs() -> None:
    entry = commands.entry_for("all", uvx=True)

    assert entry.command == "uvx"
    assert entry.args[0] == "--from"
    assert entry.args[1].startswith("understudy[docs]==")
    assert entry.args[2:] == ("understudy", "serve", "all")


def test_the_link_of_a_dotfile_and_its_mode_survive(home: Path) -> None:
    real = home / "dotfiles.json"
    real.write_text("{}")
    real.chmod(0o600)
    (home / ".claude.json").symlink_to(real)

    run("claude-code", "--user")

    assert (home / ".claude.json").is_symlink()
    assert "understudy" in json.loads(real.read_text())["mcpServers"]
    assert stat.S_IMODE(real.stat().st_mode) == 0o600


def test_a_folder_where_a_file_should_be_is_a_sentence(home: Path) -> None:
    (home / ".cursor/mcp.json").mkdir(parents=True)

    result = run("cursor", "--user")

    assert result.exit_code == 2
    assert "cannot be edited" in result.output


documents = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=12,
)
layouts = st.sampled_from([None, 1, 2, 4, "\t"])


@given(
    document=st.dictionaries(st.text(max_size=4), documents, max_size=4),
    path=st.lists(st.text(min_size=1, max_size=4), min_size=1, max_size=3),
    value=documents,
    layout=layouts,
)
def test_setting_a_member_changes_that_member_and_nothing_else(
    document: dict[str, Any], path: list[str], value: Any, layout: int | str | None
) -> None:
    expected: Any = json.loads(json.dumps(document))
    holder = expected
    for key in path[:-1]:
        holder = holder.setdefault(key, {})
        if not isinstance(holder, dict):
            return  # the path runs through a value that is no object; refused, see the test above
    holder[path[-1]] = value

    text = jsonc.set_member(json.dumps(document, indent=layout), path, value)

    assert jsonc.load(text) == expected
    assert jsonc.load(jsonc.set_member(text, path, value)) == expected


@given(document=st.dictionaries(st.text(max_size=4), documents, min_size=1, max_size=4), layout=layouts, data=st.data())
def test_deleting_a_member_deletes_that_member_and_nothing_else(
    document: dict[str, Any], layout: int | str | None, data: st.DataObject
) -> None:
    key = data.draw(st.sampled_from(sorted(document)))

    text = jsonc.delete_member(json.dumps(document, indent=layout), [key])

    assert jsonc.load(text) == {k: v for k, v in document.items() if k != key}


@example(text="00")
@example(text="1.")
@example(text='"\\q"')
@given(text=st.text(alphabet='{}[]",:/*\\ \n01ab-.etruefalsn', max_size=60))
def test_any_text_is_parsed_or_refused_in_words(text: str) -> None:
    try:
        jsonc.load(text)
    except jsonc.NotJson as error:
        said = str(error)
    else:
        said = "read"
    assert said


@pytest.mark.parametrize("level", ["--user", "--project"])
@pytest.mark.parametrize("client", CLIENTS)
def test_removing_leaves_nothing_that_attaching_brought(client: str, level: str, home: Path) -> None:
    if level == "--project" and client_named(client).project is None:
        pytest.skip(f"{client} has no configuration per project")
    run(client, level, "--server", "thinking")
    run(client, level)

    result = run(client, level, "--remove")

    assert "Removed" in result.output
    assert [path for folder in (home, Path.cwd()) for path in folder.rglob("*")] == []


@pytest.mark.parametrize(
    ("client", "name", "text"),
    [
        ("opencode", "opencode.json", '{"model": "local/qwen"}'),
        ("opencode", "opencode.json", '{\n\t// mine\n\t"model": "x",\n}\n'),
        ("opencode", "opencode.json", ""),
        ("codex", ".codex/config.toml", 'model="x"   # why\r\n'),
        ("zed", ".zed/settings.json", '{"context_servers": {}, "theme": "dark"}'),
    ],
)
def test_removing_restores_the_file_byte_for_byte(client: str, name: str, text: str) -> None:
    path = Path(name)
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(text.encode())
    assert run(client, "--project").exit_code == 0

    run(client, "--project", "--remove")

    assert path.read_bytes() == text.encode()
    assert [one for one in Path.cwd().rglob("*") if one.is_file()] == [path.absolute()]


def test_removing_keeps_what_was_written_since() -> None:
    Path("opencode.json").write_text('{"model": "a"}')
    run("opencode", "--project")
    path = Path("opencode.json")
    path.write_text(path.read_text().replace('"a"', '"b"'))

    run("opencode", "--project", "--remove")

    assert jsonc.load(path.read_text())["model"] == "b"
    assert not Path(f"opencode.json{BACKUP_SUFFIX}").exists()


def test_removing_one_server_keeps_the_others_and_the_backup() -> None:
    Path("opencode.json").write_text("{}")
    run("opencode", "--project", "--server", "thinking", "--server", "docs")

    run("opencode", "--project", "--remove", "--server", "docs")

    assert set(jsonc.load(Path("opencode.json").read_text())["mcp"]) == {"understudy-thinking"}
    assert Path(f"opencode.json{BACKUP_SUFFIX}").exists()


def test_a_comment_in_a_file_that_we_made_keeps_it() -> None:
    run("opencode", "--project")
    path = Path("opencode.json")
    path.write_text("// my notes\n" + path.read_text())

    run("opencode", "--project", "--remove")

    assert path.read_text().startswith("// my notes\n")


def test_a_backup_that_cannot_be_read_stays_with_a_sentence() -> None:
    Path("opencode.json").write_text("{}")
    run("opencode", "--project")
    backup = Path(f"opencode.json{BACKUP_SUFFIX}")
    backup.write_bytes(b"\xff")

    result = run("opencode", "--project", "--remove")

    assert result.exit_code == 0
    assert "Delete it by hand." in result.output
    assert backup.exists()
