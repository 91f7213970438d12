"""JUnit XML, which nearly everything can write: read for frameworks we do not know, written for other tools."""

from xml.etree import ElementTree as ET
from xml.parsers.expat import ParserCreate

from understudy_servers.testing.frameworks.foreign import finished
from understudy_servers.testing.result import Result
from understudy_servers.testing.verdict.judge import Report
from understudy_servers.testing.worker.events import clean

MAX_BYTES = 16 << 20


class BadReport(Exception):
    """A report file that cannot be read; the text says why."""


def parse(data: bytes, code: int) -> Report:
    """Read a report.

    Raises:
        BadReport: it is not XML, defines entities (which could expand without end), or is too large.
    """
    if len(data) > MAX_BYTES:
        raise BadReport(f"The JUnit report is larger than {MAX_BYTES >> 20} MiB.")
    _refuse_entities(data)
    try:
        root = ET.fromstring(data)
    except ET.ParseError as error:
        raise BadReport(f"The JUnit report is not XML: {error}.") from error
    report = Report()
    for case in root.iter("testcase"):
        name = "::".join(part for part in (case.get("classname", ""), case.get("name", "")) if part)
        while name in report.outcomes:
            name += "'"
        _take(report, name, case)
    return finished(report, code)


def _take(report: Report, name: str, case: ET.Element) -> None:
    broken = next((child for child in case if child.tag in {"failure", "error"}), None)
    if broken is not None:
        kind = "assert" if broken.tag == "failure" else "exception"
        message = broken.get("message") or (broken.text or "").strip()
        report.outcomes[name], report.facts[name] = "failed", {"id": name, "kind": kind, "message": message}
    else:
        report.outcomes[name] = "skipped" if case.find("skipped") is not None else "passed"


def _refuse_entities(data: bytes) -> None:
    def refuse(*_: object) -> None:
        raise BadReport("The JUnit report defines entities, which are not read.")

    parser = ParserCreate()
    parser.EntityDeclHandler = refuse
    try:
        parser.Parse(data, True)
    except BadReport:
        raise
    except Exception as error:
        raise BadReport(f"The JUnit report is not XML: {error}.") from error


def export(result: Result) -> str:
    """Write a result as JUnit XML."""
    counts = {"tests": str(result.total), "failures": str(result.failed), "skipped": str(result.skipped)}
    suite = ET.Element("testsuite", {"name": "understudy", **counts, "time": f"{result.ms / 1000:.3f}"})
    told = {failure["id"]: failure for failure in result.failures}
    for name, outcome in result.outcomes.items():
        file, _, rest = name.partition("::")
        case = ET.SubElement(suite, "testcase", {"classname": clean(file), "name": clean(rest or file)})
        if outcome == "failed":
            ET.SubElement(case, "failure", {"message": clean(told.get(name, {}).get("message", "failed"))})
        elif outcome != "passed":
            ET.SubElement(case, "skipped")
    return ET.tostring(suite, encoding="unicode")
