"""Java tests written for JUnit 5 and AssertJ, compiled with small stand-ins for them: nothing has to be downloaded."""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from understudy_servers.testing.engines.raw import Raw
from understudy_servers.testing.frameworks import compiled
from understudy_servers.testing.frameworks.foreign import program
from understudy_servers.testing.verdict.judge import Report, read_events

CURE = "Install a JDK, version 17 or newer."
_MARKS = ("AfterAll", "AfterEach", "BeforeAll", "BeforeEach", "Disabled", "DisplayName", "Tag", "Test")
_MARK = (
    "package org.junit.jupiter.api;\n\nimport java.lang.annotation.Retention;\n"
    "import java.lang.annotation.RetentionPolicy;\n\n@Retention(RetentionPolicy.RUNTIME)\n"
    'public @interface {name} {{\n  String value() default "";\n}}\n'
)
_CALLBACK = (
    "package org.junit.jupiter.api.extension;\n\npublic interface {name}TestExecutionCallback extends Extension {{\n"
    "  void {verb}TestExecution(ExtensionContext context) throws Exception;\n}}\n"
)
_EXTENSION = {
    "Extension": "public interface Extension {}",
    "ExtensionContext": "public interface ExtensionContext {}",
    "ExtendWith": (
        "import java.lang.annotation.Retention;\nimport java.lang.annotation.RetentionPolicy;\n\n"
        "@Retention(RetentionPolicy.RUNTIME)\npublic @interface ExtendWith {\n"
        "  Class<? extends Extension>[] value();\n}"
    ),
}
_OFFSET = (
    "package org.assertj.core.data;\n\npublic final class Offset<T extends Number> {\n  public final T value;\n\n"
    "  public Offset(T value) {\n    this.value = value;\n  }\n\n"
    "  public static <T extends Number> Offset<T> offset(T value) {\n    return new Offset<>(value);\n  }\n}\n"
)
_CLASS_TYPES = "package org.assertj.core.api;\n\npublic class AssertionsForClassTypes extends Assertions {}\n"


class Junit5:
    """A loose problem in Java: a build.gradle or a pom.xml, of which nothing is read, and its sources."""

    name = "JUnit 5 (stand-in)"
    verified = True

    def found(self, root: Path) -> bool:
        return any((root / name).exists() for name in ("build.gradle", "build.gradle.kts", "pom.xml"))

    def command(self, root: Path, select: Sequence[str] | None) -> list[str]:
        javac = _home() / "bin" / "javac"
        return compiled.command("java", str(javac) if javac.exists() else program("javac", CURE), select)

    def support(self) -> dict[str, str]:
        api = "java/org/junit/jupiter/api"
        return {
            **compiled.driver(),
            "java/understudy/Main.java": compiled.text_of("Main.java"),
            "java/org/assertj/core/api/Assert.java": compiled.text_of("Assert.java"),
            "java/org/assertj/core/api/Assertions.java": compiled.text_of("Assertions.java"),
            "java/org/assertj/core/api/AssertionsForClassTypes.java": _CLASS_TYPES,
            "java/org/assertj/core/data/Offset.java": _OFFSET,
            **{f"{api}/{name}.java": _MARK.format(name=name) for name in _MARKS},
            **{
                f"{api}/extension/{name}TestExecutionCallback.java": _CALLBACK.format(name=name, verb=name.lower())
                for name in ("Before", "After")
            },
            **{
                f"{api}/extension/{name}.java": f"package org.junit.jupiter.api.extension;\n\n{text}\n"
                for name, text in _EXTENSION.items()
            },
        }

    def readable(self) -> list[str]:
        """The JDK, and where Debian keeps its settings, at which it only points."""
        home = _home()
        settings = {os.path.realpath(path) for path in (home / "lib" / "jvm.cfg", home / "conf" / "net.properties")}
        return [str(home), *sorted({os.path.dirname(path) for path in settings if not path.startswith(str(home))})]

    def environment(self) -> dict[str, str]:
        return {}

    def read(self, raw: Raw, mark: str) -> Report:
        return read_events(bytes(raw.events), mark)


def _home() -> Path:
    """The folder of the JDK: a program on the PATH is often a link into it."""
    found = shutil.which("javac")
    named = os.environ.get("JAVA_HOME")
    if named and (Path(named) / "bin" / "javac").exists():
        return Path(os.path.realpath(named))
    return Path(os.path.realpath(found)).parent.parent if found else Path("/usr/lib/jvm")
