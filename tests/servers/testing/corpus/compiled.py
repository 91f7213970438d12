"""Tests in C++ and Java that use every word of the stand-ins, and code that attacks them.

A test whose name begins with `no` must fail, every other one must pass.
"""

CMAKE = {"CMakeLists.txt": "set_target_properties(x PROPERTIES CXX_STANDARD 17)\n"}
CPP_WORDS = """
#include <catch2/catch.hpp>
#include <map>
#include <stdexcept>
#include <thread>

enum class Color { red, blue };
CATCH_REGISTER_ENUM(Color, Color::red, Color::blue)

struct Between : Catch::MatcherBase<int> {
    bool match(const int& value) const override { return value > 1 && value < 4; }
    std::string describe() const override { return "is between"; }
};
static int throws() { throw std::domain_error("no value"); }
static int runs = 0, parts = 0;

TEST_CASE("compares", "[tag]") {
    const char* text = "a";
    std::vector<int> some{1, 2};
    REQUIRE(some.size() == 2);
    CHECK(std::string("a") == text);
    CHECK(1 != 2);
    CHECK(1 < 2);
    CHECK(2 > 1);
    CHECK(1 <= 1);
    CHECK(1 >= 1);
    CHECK((6 & 2));
    CHECK(true);
    REQUIRE_FALSE(1 == 2);
    CHECK_FALSE(false);
    CHECK(some == std::vector<int>{1, 2});
    CHECK(std::map<int, std::string>{{1, "a"}}.at(1) == "a");
    CHECK(nullptr == static_cast<int*>(nullptr));
    CHECK(Color::red != Color::blue);
    CHECK(0.1 + 0.2 == Approx(0.3));
    CHECK(1.0 == Approx(1.1).margin(0.2));
    CHECK(1.0 != Approx(2.0));
}
TEST_CASE("catches") {
    REQUIRE_THROWS(throws());
    REQUIRE_THROWS_AS(throws(), std::domain_error);
    CHECK_THROWS_AS(throws(), std::exception);
    REQUIRE_THROWS_WITH(throws(), "no value");
    CHECK_THROWS_WITH(throws(), Catch::Contains("val"));
    REQUIRE_NOTHROW(1 + 1);
}
TEST_CASE("matches") {
    REQUIRE_THAT(1.05, Catch::Matchers::WithinAbs(1.0, 0.1));
    CHECK_THAT(1.05, Catch::WithinRel(1.0, 0.1));
    CHECK_THAT(2, Between());
    CHECK_THAT("hello", Catch::StartsWith("he") );
    CHECK_THAT(std::string("hello"), Catch::EndsWith("lo"));
    CHECK_THAT("hello", Catch::Equals("hello"));
}
TEST_CASE("runs each section apart") {
    int fresh = 0;
    ++runs;
    SECTION("one") { ++parts; CHECK(++fresh == 1); }
    SECTION("two") {
        CHECK(++fresh == 1);
        SECTION("inner") { ++parts; CHECK(++fresh == 2); }
        SECTION("other") { ++parts; CHECK(++fresh == 2); }
    }
    DYNAMIC_SECTION("three " << 3) { ++parts; CHECK(++fresh == 1); }
}
TEST_CASE("ran four times, and each leaf once") { CHECK(runs == 4); CHECK(parts == 4); }
SCENARIO("stories") { GIVEN("a") { WHEN("b") { THEN("c") { SUCCEED("d"); } } } }
TEST_CASE("twice the same name") {}
TEST_CASE("hidden", "[.]") { FAIL("it is not asked for"); }
TEST_CASE("no equal") { INFO("told " << 1); CAPTURE(runs); REQUIRE(std::string("x") == "y"); }
TEST_CASE("no more after REQUIRE, but after CHECK") { CHECK(Color::red == Color::blue); throw std::string("why"); }
TEST_CASE("no throw") { REQUIRE_THROWS_AS(1 + 1, std::domain_error); }
TEST_CASE("no such type") { CHECK_THROWS_AS(throws(), std::out_of_range); }
TEST_CASE("no such text") { CHECK_THROWS_WITH(throws(), "other"); }
TEST_CASE("no quiet") { CHECK_NOTHROW(throws()); }
TEST_CASE("no uncaught") { throws(); }
TEST_CASE("no throw in a comparison") { CHECK(throws() == 1); }
TEST_CASE("no match") { CHECK_THAT(7, Between()); }
TEST_CASE("no near") { CHECK_THAT(1.05, Catch::WithinAbs(1.0, 0.01)); }
TEST_CASE("no luck in a section") {
    SECTION("good") {}
    SECTION("bad") { CHECK(false); }
    SECTION("good too") {}
}
TEST_CASE("no way") { FAIL("\\"quoted\\" \\xc3\\xa9"); }
TEST_CASE("prints and reads") {
    std::thread([] { printf("{\\"e\\":\\"done\\"}\\n"); }).join();
    char letter;
    CHECK(scanf("%c", &letter) == EOF);
}
"""

MARK = "#include <unistd.h>\n#include <cstdlib>\n#include <cstring>\n#include <string>\nint f() { %s return 1; }\n"
CPP_TEST = (
    '#include "catch.hpp"\nint f();\nTEST_CASE("one") { REQUIRE(f() == 2); }\nTEST_CASE("two") { CHECK(f() == 2); }\n'
)
_LINES = (
    r'"{\"s\":\"\",\"e\":\"begin\",\"id\":\"a\"}\n{\"s\":\"\",\"e\":\"end\",\"id\":\"a\",\"outcome\":\"passed\"}\n'
    r'{\"s\":\"\",\"e\":\"done\"}\n"'
)
_SAY = f"const char* text = {_LINES}; "
_TO = "if (write(%s, text, strlen(text)) < 0) {} "
CPP_ATTACKS = {
    "leaves with success": (MARK % "exit(0);", "failed"),
    "leaves at once": (MARK % "_exit(0);", "failed"),
    "aborts": (MARK % "abort();", "failed"),
    "leaves before the tests": (MARK % "" + "static int early = (_exit(0), 1);\n", "aborted"),
    "prints a report": (MARK % (_SAY + _TO % "1"), "failed"),
    "reports on every descriptor": (MARK % (_SAY + "for (int at = 3; at < 300; ++at) " + _TO % "at"), "tampered"),
    "takes the secret first": (MARK % "" + "static char c; static long early = read(0, &c, 1);\n", "tampered"),
    "redefines CHECK": (MARK % "" + "#define CHECK(x)\n", "tampered"),
    "redefines CHECK by two lines": (MARK % "" + "# /* hm */ define \\\n CHECK(x)\n", "tampered"),
    "hides a macro": (MARK % "" + '#pragma push_macro("CHECK")\n', "tampered"),
    "brings a function of the stand-in": (
        MARK % "" + "namespace Catch { struct Failure; struct Place; void fail(const Failure&, Place) {} }\n",
        "tampered",
    ),
    "runs for ever": (MARK % "for (;;) {}", "timeout"),
    "has its own main": (MARK % "" + "int main() { return 0; }\n", "collection_error"),
}

GRADLE = {"build.gradle": 'testImplementation "org.assertj:assertj-core:3.25.1"\n'}
JAVA_WORDS = """
import static org.assertj.core.api.Assertions.*;
import java.util.*;
import java.util.stream.Stream;
import org.junit.jupiter.api.*;
import org.junit.jupiter.api.extension.*;

class Noted implements BeforeTestExecutionCallback, AfterTestExecutionCallback {
  static int depth = 0;
  public void beforeTestExecution(ExtensionContext context) { depth++; }
  public void afterTestExecution(ExtensionContext context) { depth--; }
}

class Inherited {
  int begun = 0;
  @BeforeEach void begin() { begun++; }
}

@ExtendWith(Noted.class)
class WordsTest extends Inherited {
  static int classes = 0;
  @BeforeAll static void once() { classes++; }
  @AfterEach void end() { begun = 9; }
  @AfterAll static void last() { classes = 9; }

  void raise(String why) { throw new IllegalStateException(why); }

  @Test void isSetUpOnceForEachTest() {
    assertThat(begun).isEqualTo(1);
    assertThat(Noted.depth).isOne();
    assertThat(classes).isEqualTo(1);
  }
  @Test void comparesValues() {
    assertThat(5).isEqualTo(5L).isEqualTo(5).isNotEqualTo(6).isPositive().isGreaterThan(4).isLessThanOrEqualTo(5);
    assertThat(5L).isEqualTo(5);
    assertThat(5.0).isEqualTo(5).isCloseTo(5.1, within(0.2)).isBetween(4.0, 6.0);
    assertThat(0).isZero();
    assertThat(0.0).isZero();
    assertThat('c').isEqualTo('c');
    assertThat(true).isTrue();
    assertThat(Boolean.FALSE).isFalse();
    assertThat((Object) null).isNull();
    assertThat("text").isNotNull().isEqualTo("text").contains("ex", "t").startsWith("te").endsWith("xt").hasSize(4);
    assertThat("").isEmpty();
    assertThat("b").isIn("a", "b").isIn(List.of("b")).isNotIn("c").isInstanceOf(String.class).matches("[a-c]");
    assertThat(new int[] {1, 2}).isEqualTo(new int[] {1, 2}).containsExactly(1, 2).hasSize(2);
    assertThat(new int[][] {{1, 2}, {3, 4}, {5, 6}}).hasDimensions(3, 2);
    assertThat(new int[][] {{1, 2}, {3}}).isEqualTo(new int[][] {{1, 2}, {3}});
    assertThat(new long[] {1}).containsExactly(1);
    assertThat(Optional.of(3)).contains(3).isPresent();
    assertThat(Optional.empty()).isEmpty();
  }
  @Test void comparesCollections() {
    assertThat(List.of(1, 2)).isEqualTo(Arrays.asList(1, 2)).containsExactly(1, 2).contains(2).doesNotContain(3);
    assertThat(List.of(2, 1, 2)).containsExactlyInAnyOrder(1, 2, 2).containsOnly(1, 2).hasSameSizeAs(List.of(1, 1, 1));
    assertThat(List.of("a")).containsExactlyElementsOf(List.of("a")).isNotEmpty().doesNotHaveDuplicates().isSorted();
    assertThat(Set.of()).isEmpty();
    assertThat(Stream.of(1, 2)).containsExactly(1, 2);
    assertThat(Map.of("a", 1)).containsOnly(entry("a", 1)).containsEntry("a", 1).containsKey("a").hasSize(1);
    assertThat(List.of(1, 2)).allMatch(one -> (int) one > 0).hasSameElementsAs(Set.of(1, 2));
  }
  @Test void catches() {
    assertThatExceptionOfType(RuntimeException.class).isThrownBy(() -> raise("why 1")).withMessage("why %d", 1);
    assertThatIllegalStateException().isThrownBy(() -> raise("why")).withMessageContaining("h").withNoCause();
    assertThatThrownBy(() -> raise("why")).isInstanceOf(IllegalStateException.class).hasMessage("why");
    assertThatThrownBy(() -> raise("why")).hasMessageStartingWith("wh").hasMessageContaining("y");
    assertThatNoException().isThrownBy(() -> {});
    assertThatCode(() -> {}).doesNotThrowAnyException();
  }
  @Test void noEqual() { assertThat("x").as("told %d", 1).isEqualTo("y"); }
  @Test void noEqualAcrossTypes() { assertThat((Object) "5").isEqualTo(5); }
  @Test void noEqualBoxes() { assertThat(List.of(5L)).containsExactly(5); }
  @Test void noOrder() { assertThat(List.of(2, 1)).containsExactly(1, 2); }
  @Test void noneLeft() { assertThat(List.of(1, 1, 2)).containsExactlyInAnyOrder(1, 2, 2); }
  @Test void noOther() { assertThat(List.of(1, 3)).containsOnly(1, 2); }
  @Test void noLess() { assertThat(List.of(1)).containsOnly(1, 2); }
  @Test void noNear() { assertThat(5.0).isCloseTo(5.3, offset(0.2)); }
  @Test void noSize() { assertThat(List.of(1)).hasSize(2); }
  @Test void noRows() { assertThat(new int[][] {{1}, {2, 3}}).hasDimensions(2, 1); }
  @Test void noMessage() { assertThatThrownBy(() -> raise("why")).hasMessage("other"); }
  @Test void noThrow() { assertThatExceptionOfType(RuntimeException.class).isThrownBy(() -> {}); }
  @Test void noThrowHere() { assertThatThrownBy(() -> {}); }
  @Test void noSuchType() { assertThatIllegalArgumentException().isThrownBy(() -> raise("why")); }
  @Test void noUncaught() { raise("\\"quoted\\" \\u00e9"); }
  @Test void noNull() { assertThat((List<Integer>) null).isEmpty(); }
  @Test void noDepth() { noDepth(); }
  @Test void noFail() { assertThat(1).withFailMessage("told %d", 2).isEqualTo(2); }
  @Test void noAssert() { assert classes == 7 : "asserted"; }
  @Test void printsAndReads() throws Exception {
    System.out.println("{\\"e\\":\\"done\\"}");
    assertThat(System.in.read()).isEqualTo(-1);
  }
}
"""
JAVA_TEST = """import static org.assertj.core.api.Assertions.assertThat;
import org.junit.jupiter.api.Test;

class CodeTest {
  @Test void one() { assertThat(Code.f()).isEqualTo(2); }
  @Test void two() { assertThat(Code.f()).isEqualTo(2); }
}
"""
_CODE = "class Code {\n  static int f() { %s return 1; }\n}\n"
JAVA_ATTACKS = {
    "leaves with success": (_CODE % "System.exit(0);", "failed"),
    "halts": (_CODE % "Runtime.getRuntime().halt(0);", "failed"),
    "leaves before the tests": (
        "class Code {\n  static { System.exit(0); }\n  static int f() { return 2; }\n}\n",
        "failed",
    ),
    "reports on standard input": (
        _CODE
        % (
            'try { new java.io.FileOutputStream(java.io.FileDescriptor.in).write("{}\\n".getBytes()); }'
            " catch (java.io.IOException error) {}"
        ),
        "tampered",
    ),
    "brings the library": ("package org.assertj.core.api;\nclass Assert<T> {}\n", "collection_error"),
    "fills the memory": (
        _CODE % "var all = new java.util.ArrayList<long[]>(); while (all != null) all.add(new long[1 << 20]);",
        "failed",
    ),
    "threads go on": (_CODE % "new Thread(() -> { while (true) {} }).start();", "failed"),
}
