// What tests written for Catch2 (https://github.com/catchorg/Catch2) use of it, and no more: tests compile in a second
// with it, and their outcomes leave over the verifier's channel. `catch_main.cpp` holds the rest.
// It takes the place of Catch2's single header, so it defines that one's guard and includes what that one includes.
#pragma once
#pragma GCC system_header
#define TWOBLUECUBES_SINGLE_INCLUDE_CATCH_HPP_INCLUDED

#include <algorithm>
#include <cassert>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <ctime>
#include <exception>
#include <functional>
#include <iosfwd>
#include <memory>
#include <optional>
#include <ostream>
#include <ratio>
#include <sstream>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace Catch {

struct Place {
    const char* file;
    int line;
};

struct Failure {
    const char* kind;  // "assert" or "exception"
    std::string message, call, actual, expected;
};

struct Stop {};  // ends a test after a failed REQUIRE

// All of these live in catch_main.cpp, where nothing can take a failure back.
int declare_test(void (*run)(), const char* name, const char* tags, Place place);
void fail(const Failure& failure, Place place);
void tell(const std::string& message);
void forget();
bool enter_section(const std::string& name, Place place);
void leave_section();

struct Info {
    explicit Info(const std::string& message) { tell(message); }
    ~Info() { forget(); }
    Info(const Info&) = delete;
    Info& operator=(const Info&) = delete;
};

struct Section {
    Section(const std::string& name, Place place) : entered(enter_section(name, place)) {}
    ~Section() {
        if (entered) leave_section();
    }
    Section(const Section&) = delete;
    Section& operator=(const Section&) = delete;
    explicit operator bool() const { return entered; }
    bool entered;
};

// Values as text.

template <typename T, typename = void>
struct Streams : std::false_type {};
template <typename T>
struct Streams<T, std::void_t<decltype(std::declval<std::ostream&>() << std::declval<const T&>())>> : std::true_type {};
template <typename T, typename = void>
struct Iterates : std::false_type {};
template <typename T>
struct Iterates<T, std::void_t<decltype(std::declval<const T&>().begin()), decltype(std::declval<const T&>().end())>>
    : std::true_type {};

constexpr std::size_t LONGEST = 300;

template <typename T, typename = void>
struct StringMaker {
    static std::string convert(const T& value) {
        if constexpr (std::is_same_v<T, bool>) {
            return value ? "true" : "false";
        } else if constexpr (std::is_same_v<T, char>) {
            return std::string("'") + value + "'";
        } else if constexpr (std::is_null_pointer_v<T>) {
            return "nullptr";
        } else if constexpr (std::is_convertible_v<const T&, std::string_view>) {
            if constexpr (std::is_pointer_v<T>) {
                if (!value) return "nullptr";
            }
            return '"' + std::string(std::string_view(value)) + '"';
        } else if constexpr (Streams<T>::value) {
            std::ostringstream text;
            text << value;
            return text.str();
        } else if constexpr (Iterates<T>::value) {
            std::string text = "{ ";
            for (const auto& item : value) {
                if (text.size() > LONGEST) return text + "... }";
                if (text.size() > 2) text += ", ";
                text += StringMaker<std::decay_t<decltype(item)>>::convert(item);
            }
            return text + " }";
        } else if constexpr (std::is_enum_v<T>) {
            return std::to_string(static_cast<long long>(value));
        } else {
            return "{?}";
        }
    }
};

template <typename A, typename B>
struct StringMaker<std::pair<A, B>> {
    static std::string convert(const std::pair<A, B>& pair) {
        return "{ " + StringMaker<A>::convert(pair.first) + ", " + StringMaker<B>::convert(pair.second) + " }";
    }
};

namespace Detail {
template <typename T>
std::string stringify(const T& value) {
    return StringMaker<std::decay_t<const T&>>::convert(value);
}

inline std::string nth_name(std::string_view names, std::size_t index) {
    for (; index > 0; --index) names.remove_prefix(names.find(',') + 1);
    names = names.substr(0, names.find(','));
    const std::size_t colon = names.rfind(':');
    names.remove_prefix(colon == std::string_view::npos ? std::min(names.find_first_not_of(' '), names.size()) : colon + 1);
    return std::string(names);
}
}  // namespace Detail

#define CATCH_REGISTER_ENUM(type, ...)                                                                  \
    template <>                                                                                         \
    struct Catch::StringMaker<type> {                                                                   \
        static std::string convert(type value) {                                                        \
            std::size_t index = 0;                                                                      \
            for (const type known : {__VA_ARGS__}) {                                                    \
                if (known == value) return Catch::Detail::nth_name(#__VA_ARGS__, index);                \
                ++index;                                                                                \
            }                                                                                           \
            return "an unknown value";                                                                  \
        }                                                                                               \
    };

// An expression, taken apart: `Decomposer() <= a == b` keeps both sides.

struct Outcome {
    bool holds;
    std::string actual, sign, expected;
    Outcome operator!() const { return {!holds, actual, sign, expected}; }
};

template <typename L>
struct Left {
    const L& value;

    template <typename R>
    Outcome operator==(const R& right) const {
        if constexpr (std::is_pointer_v<std::decay_t<L>> && std::is_integral_v<R>) {
            return {right == R{} && value == nullptr, Detail::stringify(value), "==", "nullptr"};
        } else {
            return {static_cast<bool>(value == right), Detail::stringify(value), "==", Detail::stringify(right)};
        }
    }
    template <typename R>
    Outcome operator!=(const R& right) const {
        if constexpr (std::is_pointer_v<std::decay_t<L>> && std::is_integral_v<R>) {
            return {!(right == R{} && value == nullptr), Detail::stringify(value), "!=", "nullptr"};
        } else {
            return {static_cast<bool>(value != right), Detail::stringify(value), "!=", Detail::stringify(right)};
        }
    }
#define UNDERSTUDY_COMPARE(sign)                                                                            \
    template <typename R>                                                                                   \
    Outcome operator sign(const R& right) const {                                                           \
        return {static_cast<bool>(value sign right), Detail::stringify(value), #sign, Detail::stringify(right)}; \
    }
    UNDERSTUDY_COMPARE(<)
    UNDERSTUDY_COMPARE(>)
    UNDERSTUDY_COMPARE(<=)
    UNDERSTUDY_COMPARE(>=)
    UNDERSTUDY_COMPARE(&)
    UNDERSTUDY_COMPARE(|)
    UNDERSTUDY_COMPARE(^)
#undef UNDERSTUDY_COMPARE
};

struct Decomposer {
    template <typename L>
    Left<L> operator<=(const L& value) const {
        return {value};
    }
};

inline Outcome outcome(Outcome of) { return of; }
template <typename L>
Outcome outcome(const Left<L>& left) {
    return {static_cast<bool>(left.value), Detail::stringify(left.value), "", ""};
}

inline void hold(bool expected, const Outcome& found, const char* macro, const char* text, Place place, bool stop) {
    if (found.holds == expected) return;
    const std::string expansion = found.sign.empty() ? found.actual : found.actual + " " + found.sign + " " + found.expected;
    const bool equal = found.sign == "==" && expected;
    fail({"assert", std::string(macro) + "( " + text + " ) with " + expansion, text, equal ? found.actual : expansion,
          equal ? found.expected : expected ? "true" : "false"}, place);
    if (stop) throw Stop{};
}

inline std::string told(std::exception_ptr error) {
    try {
        std::rethrow_exception(error);
    } catch (const std::exception& known) {
        return known.what();
    } catch (const std::string& text) {
        return text;
    } catch (const char* text) {
        return text;
    } catch (...) {
        return "an exception that is no std::exception";
    }
}

inline void thrown(const char* what, const char* text, Place place, bool stop) {
    fail({"exception", std::string(text) + " " + what + ": " + told(std::current_exception()), "", "", ""}, place);
    if (stop) throw Stop{};
}

inline void wrong(const std::string& message, Place place, bool stop) {
    fail({"assert", message, "", "", ""}, place);
    if (stop) throw Stop{};
}

// Matchers.

namespace Matchers {
namespace Impl {
template <typename T>
struct MatcherMethod {
    virtual bool match(const T& value) const = 0;
    virtual ~MatcherMethod() = default;
};
template <typename T>
struct MatcherBase : MatcherMethod<T> {
    virtual std::string describe() const = 0;
    std::string toString() const { return describe(); }
};
}  // namespace Impl

struct WithinAbsMatcher : Impl::MatcherBase<double> {
    WithinAbsMatcher(double target, double margin) : target(target), margin(margin) {}
    bool match(const double& value) const override { return value + margin >= target && target + margin >= value; }
    std::string describe() const override {
        return "is within " + Detail::stringify(margin) + " of " + Detail::stringify(target);
    }
    double target, margin;
};
inline WithinAbsMatcher WithinAbs(double target, double margin) { return {target, margin}; }

struct WithinRelMatcher : Impl::MatcherBase<double> {
    WithinRelMatcher(double target, double epsilon) : target(target), epsilon(epsilon) {}
    bool match(const double& value) const override {
        const double margin = epsilon * std::max(std::fabs(value), std::fabs(target));
        return value + margin >= target && target + margin >= value;
    }
    std::string describe() const override {
        return "is within " + Detail::stringify(epsilon * 100) + "% of " + Detail::stringify(target);
    }
    double target, epsilon;
};
inline WithinRelMatcher WithinRel(double target, double epsilon) { return {target, epsilon}; }

struct TextMatcher : Impl::MatcherBase<std::string> {
    TextMatcher(std::string how, std::string text, std::function<bool(const std::string&, const std::string&)> test)
        : how(std::move(how)), text(std::move(text)), test(std::move(test)) {}
    bool match(const std::string& value) const override { return test(value, text); }
    std::string describe() const override { return how + ": \"" + text + '"'; }
    std::string how, text;
    std::function<bool(const std::string&, const std::string&)> test;
};
inline TextMatcher Equals(const std::string& text) {
    return {"equals", text, [](const std::string& value, const std::string& part) { return value == part; }};
}
inline TextMatcher Contains(const std::string& text) {
    return {"contains", text, [](const std::string& value, const std::string& part) {
                return value.find(part) != std::string::npos;
            }};
}
inline TextMatcher StartsWith(const std::string& text) {
    return {"starts with", text, [](const std::string& value, const std::string& part) {
                return value.compare(0, part.size(), part) == 0;
            }};
}
inline TextMatcher EndsWith(const std::string& text) {
    return {"ends with", text, [](const std::string& value, const std::string& part) {
                return value.size() >= part.size() && value.compare(value.size() - part.size(), part.size(), part) == 0;
            }};
}
}  // namespace Matchers
using namespace Matchers;
using Matchers::Impl::MatcherBase;

template <typename T, typename M>
void match(const T& value, const M& matcher, const char* text, Place place, bool stop) {
    if (matcher.match(value)) return;
    wrong(std::string(text) + " with " + Detail::stringify(value) + " " + matcher.describe(), place, stop);
}

class Approx {
  public:
    explicit Approx(double value) : value_(value) {}
    Approx& epsilon(double part) { return epsilon_ = part, *this; }
    Approx& margin(double width) { return margin_ = width, *this; }
    Approx& scale(double size) { return scale_ = size, *this; }
    bool near(double other) const {
        return std::fabs(other - value_) <= std::max(margin_, epsilon_ * (scale_ + std::fabs(value_)));
    }
    friend bool operator==(double left, const Approx& right) { return right.near(left); }
    friend bool operator==(const Approx& left, double right) { return left.near(right); }
    friend bool operator!=(double left, const Approx& right) { return !right.near(left); }
    friend bool operator!=(const Approx& left, double right) { return !left.near(right); }
    friend bool operator<=(double left, const Approx& right) { return left < right.value_ || right.near(left); }
    friend bool operator>=(double left, const Approx& right) { return left > right.value_ || right.near(left); }
    friend std::ostream& operator<<(std::ostream& out, const Approx& one) {
        return out << "Approx( " << one.value_ << " )";
    }

  private:
    double value_, epsilon_ = 1.1920928955078125e-05, margin_ = 0, scale_ = 0;  // 100 times the epsilon of a float
};

}  // namespace Catch
using Catch::Approx;  // as in the single header

#define UNDERSTUDY_JOIN_(a, b) a##b
#define UNDERSTUDY_JOIN(a, b) UNDERSTUDY_JOIN_(a, b)
#define UNDERSTUDY_NAME(word) UNDERSTUDY_JOIN(word, __COUNTER__)
#define UNDERSTUDY_HERE Catch::Place{__FILE__, __LINE__}
#define UNDERSTUDY_FIRST(name, ...) name

#define UNDERSTUDY_TEST(run, ...)                                                                                     \
    static void run();                                                                                                \
    static const int UNDERSTUDY_NAME(understudy_declared_) = Catch::declare_test(&run, __VA_ARGS__, UNDERSTUDY_HERE); \
    static void run()
#define UNDERSTUDY_TAGGED(run, name, tags, ...) UNDERSTUDY_TEST(run, name, tags)
#define TEST_CASE(...) UNDERSTUDY_TAGGED(UNDERSTUDY_NAME(understudy_test_), __VA_ARGS__, "", "")
#define SECTION(...) \
    if (const Catch::Section UNDERSTUDY_NAME(understudy_section_){UNDERSTUDY_FIRST(__VA_ARGS__, ""), UNDERSTUDY_HERE})
#define DYNAMIC_SECTION(...)                                                                                   \
    if (const Catch::Section UNDERSTUDY_NAME(understudy_section_){                                             \
            static_cast<const std::ostringstream&>(std::ostringstream() << __VA_ARGS__).str(), UNDERSTUDY_HERE})
#define SCENARIO(name, ...) TEST_CASE("Scenario: " name, ##__VA_ARGS__)
#define GIVEN(name) SECTION(std::string("Given: ") + (name))
#define WHEN(name) SECTION(std::string("When: ") + (name))
#define THEN(name) SECTION(std::string("Then: ") + (name))
#define AND_WHEN(name) SECTION(std::string("And when: ") + (name))
#define AND_THEN(name) SECTION(std::string("And: ") + (name))

#define INFO(text) \
    const Catch::Info UNDERSTUDY_NAME(understudy_info_){static_cast<const std::ostringstream&>(std::ostringstream() << text).str()}
#define CAPTURE(value) INFO(#value " := " << Catch::Detail::stringify(value))
#define FAIL(text) Catch::wrong(static_cast<const std::ostringstream&>(std::ostringstream() << text).str(), UNDERSTUDY_HERE, true)
#define FAIL_CHECK(text) Catch::wrong(static_cast<const std::ostringstream&>(std::ostringstream() << text).str(), UNDERSTUDY_HERE, false)
#define SUCCEED(...) static_cast<void>(0)

#define UNDERSTUDY_TRY(stop, text, ...)                             \
    try {                                                           \
        __VA_ARGS__;                                                \
    } catch (const Catch::Stop&) {                                  \
        throw;                                                      \
    } catch (...) {                                                 \
        Catch::thrown("threw", text, UNDERSTUDY_HERE, stop);        \
    }
#define UNDERSTUDY_HOLD(macro, expected, stop, ...)                                                              \
    do {                                                                                                         \
        _Pragma("GCC diagnostic push") _Pragma("GCC diagnostic ignored \"-Wparentheses\"")                        \
        UNDERSTUDY_TRY(stop, #__VA_ARGS__,                                                                       \
                       Catch::hold(expected, Catch::outcome(Catch::Decomposer() <= __VA_ARGS__), macro, #__VA_ARGS__, \
                                   UNDERSTUDY_HERE, stop))                                                       \
        _Pragma("GCC diagnostic pop")                                                                            \
    } while (false)
#define REQUIRE(...) UNDERSTUDY_HOLD("REQUIRE", true, true, __VA_ARGS__)
#define REQUIRE_FALSE(...) UNDERSTUDY_HOLD("REQUIRE_FALSE", false, true, __VA_ARGS__)
#define CHECK(...) UNDERSTUDY_HOLD("CHECK", true, false, __VA_ARGS__)
#define CHECK_FALSE(...) UNDERSTUDY_HOLD("CHECK_FALSE", false, false, __VA_ARGS__)

#define UNDERSTUDY_QUIET(stop, ...)                                             \
    do {                                                                        \
        UNDERSTUDY_TRY(stop, #__VA_ARGS__, static_cast<void>(__VA_ARGS__))      \
    } while (false)
#define REQUIRE_NOTHROW(...) UNDERSTUDY_QUIET(true, __VA_ARGS__)
#define CHECK_NOTHROW(...) UNDERSTUDY_QUIET(false, __VA_ARGS__)

#define UNDERSTUDY_THROWS(stop, text, wanted, handler, ...)                                        \
    do {                                                                                           \
        bool understudy_quiet = false;                                                             \
        try {                                                                                      \
            static_cast<void>(__VA_ARGS__);                                                        \
            understudy_quiet = true;                                                               \
        }                                                                                          \
        handler                                                                                    \
        if (understudy_quiet) Catch::wrong(text " threw nothing, and should throw " wanted, UNDERSTUDY_HERE, stop); \
    } while (false)
#define UNDERSTUDY_OF_TYPE(stop, text, type) \
    catch (const type&) {} catch (...) { Catch::thrown("threw something else than " #type, text, UNDERSTUDY_HERE, stop); }
#define UNDERSTUDY_WITH(stop, text, matcher) \
    catch (...) { Catch::match(Catch::told(std::current_exception()), matcher, text, UNDERSTUDY_HERE, stop); }
#define UNDERSTUDY_MATCHING(stop, text, type, matcher)                                    \
    catch (const type& error) { Catch::match(error, matcher, text, UNDERSTUDY_HERE, stop); } \
    catch (...) { Catch::thrown("threw something else than " #type, text, UNDERSTUDY_HERE, stop); }
#define REQUIRE_THROWS(...) UNDERSTUDY_THROWS(true, #__VA_ARGS__, "something", catch (...) {}, __VA_ARGS__)
#define CHECK_THROWS(...) UNDERSTUDY_THROWS(false, #__VA_ARGS__, "something", catch (...) {}, __VA_ARGS__)
#define REQUIRE_THROWS_AS(code, type) UNDERSTUDY_THROWS(true, #code, #type, UNDERSTUDY_OF_TYPE(true, #code, type), code)
#define CHECK_THROWS_AS(code, type) UNDERSTUDY_THROWS(false, #code, #type, UNDERSTUDY_OF_TYPE(false, #code, type), code)
#define REQUIRE_THROWS_WITH(code, with) \
    UNDERSTUDY_THROWS(true, #code, "something", UNDERSTUDY_WITH(true, #code, Catch::as_matcher(with)), code)
#define CHECK_THROWS_WITH(code, with) \
    UNDERSTUDY_THROWS(false, #code, "something", UNDERSTUDY_WITH(false, #code, Catch::as_matcher(with)), code)
#define REQUIRE_THROWS_MATCHES(code, type, matcher) \
    UNDERSTUDY_THROWS(true, #code, #type, UNDERSTUDY_MATCHING(true, #code, type, matcher), code)

#define UNDERSTUDY_THAT(stop, value, matcher) \
    do {                                      \
        UNDERSTUDY_TRY(stop, #value, Catch::match(value, matcher, #value, UNDERSTUDY_HERE, stop)) \
    } while (false)
#define REQUIRE_THAT(value, matcher) UNDERSTUDY_THAT(true, value, matcher)
#define CHECK_THAT(value, matcher) UNDERSTUDY_THAT(false, value, matcher)

namespace Catch {
inline Matchers::TextMatcher as_matcher(const std::string& text) { return Matchers::Equals(text); }
template <typename M, typename = std::enable_if_t<!std::is_convertible_v<const M&, std::string>>>
const M& as_matcher(const M& matcher) {
    return matcher;
}
}  // namespace Catch
