package org.assertj.core.api;

import java.lang.reflect.Array;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.function.Predicate;
import java.util.stream.BaseStream;
import org.assertj.core.data.Offset;

/** Assertions about any value. Where AssertJ has a class for each type, this one looks at the value. */
public class Assert<T> {
  private static final int LONGEST = 300;
  private final T actual;
  private String described = "";
  private String instead;

  public Assert(T actual) {
    this.actual = actual;
  }

  public Assert<T> as(String words, Object... arguments) {
    described = "[" + formatted(words, arguments) + "] ";
    return this;
  }

  public Assert<T> describedAs(String words, Object... arguments) {
    return as(words, arguments);
  }

  public Assert<T> withFailMessage(String words, Object... arguments) {
    instead = formatted(words, arguments);
    return this;
  }

  // Equality. The forms for primitives are as wide as Java makes them: 5 and 5L are equal, as in AssertJ.

  public Assert<T> isEqualTo(Object expected) {
    return equal(same(actual, expected), expected);
  }

  public Assert<T> isEqualTo(long expected) {
    return equal(number(expected), expected);
  }

  public Assert<T> isEqualTo(int expected) {
    return equal(number(expected), expected);
  }

  public Assert<T> isEqualTo(double expected) {
    boolean holds = actual instanceof Number n && !exact(actual) ? n.doubleValue() == expected : same(actual, expected);
    return equal(holds || same(actual, expected), expected);
  }

  public Assert<T> isEqualTo(double expected, Offset<? extends Number> offset) {
    return isCloseTo(expected, offset);
  }

  public Assert<T> isEqualTo(char expected) {
    return equal(same(actual, expected), expected);
  }

  public Assert<T> isEqualTo(boolean expected) {
    return equal(same(actual, expected), expected);
  }

  public Assert<T> isNotEqualTo(Object other) {
    return check(!same(actual, other), "not to be equal to", other);
  }

  public Assert<T> isSameAs(Object other) {
    return check(actual == other, "to be the same object as", other);
  }

  public Assert<T> isNull() {
    return check(actual == null, "to be null");
  }

  public Assert<T> isNotNull() {
    return check(actual != null, "not to be null");
  }

  public Assert<T> isTrue() {
    return equal(Boolean.TRUE.equals(actual), true);
  }

  public Assert<T> isFalse() {
    return equal(Boolean.FALSE.equals(actual), false);
  }

  public Assert<T> isInstanceOf(Class<?> type) {
    return check(type.isInstance(actual), "to be an instance of", type.getName());
  }

  public Assert<T> isIn(Object... values) {
    return isIn(Arrays.asList(spread(values)));
  }

  public Assert<T> isIn(Iterable<?> values) {
    return check(has(list(values), actual), "to be in", values);
  }

  public Assert<T> isNotIn(Object... values) {
    return check(!has(Arrays.asList(spread(values)), actual), "not to be in", values);
  }

  public Assert<T> matches(Predicate<? super T> predicate) {
    return check(predicate.test(actual), "to match a predicate");
  }

  public Assert<T> satisfies(Consumer<? super T> wishes) {
    wishes.accept(actual);
    return this;
  }

  // Numbers.

  public Assert<T> isZero() {
    return equal(number(0), 0);
  }

  public Assert<T> isOne() {
    return equal(number(1), 1);
  }

  public Assert<T> isPositive() {
    return check(value() > 0, "to be positive");
  }

  public Assert<T> isNegative() {
    return check(value() < 0, "to be negative");
  }

  public Assert<T> isCloseTo(double expected, Offset<? extends Number> offset) {
    return check(Math.abs(value() - expected) <= offset.value.doubleValue(), "to be within " + offset.value + " of", expected);
  }

  public Assert<T> isGreaterThan(Object other) {
    return check(compared(other) > 0, "to be greater than", other);
  }

  public Assert<T> isGreaterThanOrEqualTo(Object other) {
    return check(compared(other) >= 0, "to be at least", other);
  }

  public Assert<T> isLessThan(Object other) {
    return check(compared(other) < 0, "to be less than", other);
  }

  public Assert<T> isLessThanOrEqualTo(Object other) {
    return check(compared(other) <= 0, "to be at most", other);
  }

  public Assert<T> isBetween(Object low, Object high) {
    return check(compared(low) >= 0 && compared(high) <= 0, "to be between " + show(low) + " and", high);
  }

  // Text, collections, arrays, maps, streams, optional values.

  public Assert<T> isEmpty() {
    return check(actual != null && size() == 0, "to be empty");
  }

  public Assert<T> isNotEmpty() {
    return check(actual != null && size() > 0, "not to be empty");
  }

  public Assert<T> isNullOrEmpty() {
    return check(actual == null || size() == 0, "to be null or empty");
  }

  public Assert<T> isPresent() {
    return isNotEmpty();
  }

  public Assert<T> isNotPresent() {
    return isEmpty();
  }

  public Assert<T> hasSize(int expected) {
    return check(actual != null && size() == expected, "to have the size", expected);
  }

  public Assert<T> hasSameSizeAs(Object other) {
    return check(actual != null && size() == new Assert<>(other).size(), "to have the same size as", other);
  }

  public Assert<T> hasDimensions(int rows, int columns) {
    boolean holds = actual != null && size() == rows;
    for (Object row : holds ? items() : List.of()) holds = holds && row != null && Array.getLength(row) == columns;
    return check(holds, "to have the dimensions", rows + " x " + columns);
  }

  public Assert<T> startsWith(CharSequence start) {
    return check(actual != null && actual.toString().startsWith(start.toString()), "to start with", start);
  }

  public Assert<T> endsWith(CharSequence end) {
    return check(actual != null && actual.toString().endsWith(end.toString()), "to end with", end);
  }

  public Assert<T> matches(CharSequence pattern) {
    return check(actual != null && actual.toString().matches(pattern.toString()), "to match", pattern);
  }

  public Assert<T> hasToString(String text) {
    return check(actual != null && actual.toString().equals(text), "to have the text", text);
  }

  public Assert<T> contains(Object... values) {
    Object[] wanted = spread(values);
    if (actual instanceof Optional<?> one) return check(one.isPresent() && same(one.get(), wanted[0]), "to contain", wanted[0]);
    if (actual instanceof CharSequence text) {
      for (Object value : wanted) check(text.toString().contains(String.valueOf(value)), "to contain", value);
      return this;
    }
    for (Object value : wanted) check(actual != null && has(items(), value), "to contain", value);
    return this;
  }

  public Assert<T> doesNotContain(Object... values) {
    for (Object value : spread(values)) {
      boolean found = actual instanceof CharSequence text ? text.toString().contains(String.valueOf(value)) : has(items(), value);
      check(!found, "not to contain", value);
    }
    return this;
  }

  public Assert<T> containsExactly(Object... values) {
    return containsExactlyElementsOf(Arrays.asList(spread(values)));
  }

  public Assert<T> containsExactlyElementsOf(Iterable<?> values) {
    List<?> wanted = list(values);
    List<?> found = actual == null ? List.of() : items();
    boolean holds = actual != null && found.size() == wanted.size();
    for (int index = 0; holds && index < wanted.size(); index++) holds = alike(found.get(index), wanted.get(index));
    return sides(holds, "to contain exactly, and in this order,", wanted);
  }

  public Assert<T> hasSameElementsAs(Iterable<?> values) {
    return containsOnly(list(values).toArray());
  }

  public Assert<T> containsExactlyInAnyOrder(Object... values) {
    return containsExactlyInAnyOrderElementsOf(Arrays.asList(spread(values)));
  }

  public Assert<T> containsExactlyInAnyOrderElementsOf(Iterable<?> values) {
    List<?> wanted = list(values);
    List<Object> left = new ArrayList<>(actual == null ? List.of() : items());
    boolean holds = actual != null && left.size() == wanted.size();
    for (Object value : wanted) holds = holds && remove(left, value);
    return sides(holds, "to contain exactly, in any order,", wanted);
  }

  public Assert<T> containsOnly(Object... values) {
    List<Object> wanted = Arrays.asList(spread(values));
    boolean holds = actual != null;
    for (Object item : holds ? items() : List.of()) holds = holds && has(wanted, item);
    for (Object value : wanted) holds = holds && has(items(), value);
    return sides(holds, "to contain only", wanted);
  }

  public Assert<T> containsAll(Iterable<?> values) {
    return contains(list(values).toArray());
  }

  public Assert<T> doesNotHaveDuplicates() {
    List<Object> seen = new ArrayList<>();
    for (Object item : items()) {
      check(!has(seen, item), "to have no duplicates, and there are two of", item);
      seen.add(item);
    }
    return this;
  }

  @SuppressWarnings("unchecked")
  public Assert<T> isSorted() {
    List<Object> sorted = new ArrayList<>(items());
    sorted.sort((Comparator<Object>) (Comparator<?>) Comparator.naturalOrder());
    return check(same(sorted, items()), "to be sorted");
  }

  public Assert<T> allMatch(Predicate<Object> predicate) {
    for (Object item : items()) check(predicate.test(item), "to match in every item, but not in", item);
    return this;
  }

  public Assert<T> containsEntry(Object key, Object value) {
    boolean holds = actual instanceof Map<?, ?> map && map.containsKey(key) && same(map.get(key), value);
    return check(holds, "to contain the entry", show(key) + "=" + show(value));
  }

  public Assert<T> containsKey(Object key) {
    return check(actual instanceof Map<?, ?> map && map.containsKey(key), "to contain the key", key);
  }

  public Assert<T> containsKeys(Object... keys) {
    for (Object key : spread(keys)) containsKey(key);
    return this;
  }

  public Assert<T> containsOnlyKeys(Object... keys) {
    boolean holds = actual instanceof Map<?, ?> map && map.size() == spread(keys).length;
    for (Object key : spread(keys)) holds = holds && ((Map<?, ?>) actual).containsKey(key);
    return check(holds, "to contain only the keys", keys);
  }

  // Throwables.

  public Assert<T> withMessage(String words, Object... arguments) {
    String wanted = formatted(words, arguments), found = message();
    return equalTexts(Objects.equals(found, wanted), "to have the message", wanted, found);
  }

  public Assert<T> hasMessage(String words, Object... arguments) {
    return withMessage(words, arguments);
  }

  public Assert<T> withMessageContaining(String words, Object... arguments) {
    String wanted = formatted(words, arguments), found = message();
    return equalTexts(found != null && found.contains(wanted), "to have a message with", wanted, found);
  }

  public Assert<T> hasMessageContaining(String words, Object... arguments) {
    return withMessageContaining(words, arguments);
  }

  public Assert<T> withMessageStartingWith(String start) {
    return equalTexts(message() != null && message().startsWith(start), "to have a message that starts with", start, message());
  }

  public Assert<T> hasMessageStartingWith(String start) {
    return withMessageStartingWith(start);
  }

  public Assert<T> withNoCause() {
    return check(((Throwable) actual).getCause() == null, "to have no cause");
  }

  public Assert<T> hasNoCause() {
    return withNoCause();
  }

  public Assert<T> doesNotThrowAnyException() {
    return check(actual == null, "not to be raised");
  }

  private String message() {
    return actual instanceof Throwable thrown ? thrown.getMessage() : null;
  }

  // How it is found out.

  private boolean number(long expected) {
    if (exact(actual)) return ((Number) actual).longValue() == expected;
    if (actual instanceof Double || actual instanceof Float) return ((Number) actual).doubleValue() == expected;
    return same(actual, expected) || same(actual, (int) expected);
  }

  private double value() {
    if (actual instanceof Number number) return number.doubleValue();
    throw failed("to be a number", null, null, null);
  }

  @SuppressWarnings("unchecked")
  private int compared(Object other) {
    if (actual == null) throw failed("not to be null", null, null, null);
    if (exact(actual) && exact(other)) return Long.compare(((Number) actual).longValue(), ((Number) other).longValue());
    if (actual instanceof Number left && other instanceof Number right && actual.getClass() != other.getClass()) {
      return Double.compare(left.doubleValue(), right.doubleValue());
    }
    return ((Comparable<Object>) actual).compareTo(other);
  }

  private int size() {
    if (actual instanceof CharSequence text) return text.length();
    if (actual instanceof Map<?, ?> map) return map.size();
    if (actual instanceof Optional<?> one) return one.isPresent() ? 1 : 0;
    return items().size();
  }

  private List<?> items() {
    if (actual instanceof Map<?, ?> map) return new ArrayList<>(map.entrySet());
    return list(actual);
  }

  private static List<?> list(Object value) {
    List<Object> items = new ArrayList<>();
    if (value instanceof Collection<?> all) return new ArrayList<>(all);
    if (value instanceof Iterable<?> some) some.forEach(items::add);
    else if (value instanceof BaseStream<?, ?> stream) stream.iterator().forEachRemaining(items::add);
    else if (value != null && value.getClass().isArray()) {
      for (int index = 0; index < Array.getLength(value); index++) items.add(Array.get(value, index));
    } else throw new Assertions.Failed("Expecting " + show(value) + " to hold items.");
    return items;
  }

  /** An array of primitives comes as the only argument. */
  private static Object[] spread(Object[] values) {
    boolean one = values != null && values.length == 1 && values[0] != null;
    return one && values[0].getClass().isArray() && values[0].getClass().getComponentType().isPrimitive()
        ? list(values[0]).toArray()
        : values;
  }

  private boolean has(List<?> items, Object value) {
    for (Object item : items) if (alike(item, value)) return true;
    return false;
  }

  private boolean remove(List<Object> items, Object value) {
    for (int index = 0; index < items.size(); index++) {
      if (alike(items.get(index), value)) {
        items.remove(index);
        return true;
      }
    }
    return false;
  }

  /** Items of an array of primitives are compared as primitives. */
  private boolean alike(Object found, Object wanted) {
    boolean primitive = actual != null && actual.getClass().isArray() && actual.getClass().getComponentType().isPrimitive();
    if (primitive && exact(found) && exact(wanted)) return ((Number) found).longValue() == ((Number) wanted).longValue();
    if (primitive && found instanceof Number left && wanted instanceof Number right) return left.doubleValue() == right.doubleValue();
    return same(found, wanted);
  }

  private static boolean same(Object left, Object right) {
    return Objects.deepEquals(left, right);
  }

  private static boolean exact(Object value) {
    return value instanceof Integer || value instanceof Long || value instanceof Short || value instanceof Byte;
  }

  private Assert<T> equal(boolean holds, Object expected) {
    return sides(holds, "to be equal to", expected);
  }

  private Assert<T> sides(boolean holds, String words, Object expected) {
    if (!holds) throw failed(words + " " + show(expected), "value", show(expected), show(actual));
    return this;
  }

  private Assert<T> equalTexts(boolean holds, String words, String expected, String found) {
    if (!holds) throw failed(words + " " + show(expected), "message", show(expected), show(found));
    return this;
  }

  private Assert<T> check(boolean holds, String words) {
    if (!holds) throw failed(words, null, null, null);
    return this;
  }

  private Assert<T> check(boolean holds, String words, Object other) {
    if (!holds) throw failed(words + " " + show(other), null, null, null);
    return this;
  }

  private Assertions.Failed failed(String words, String what, String expected, String found) {
    String message = instead != null ? instead : "Expecting " + show(actual) + " " + words;
    boolean two = instead == null && described.isEmpty(); // else the words of the test say more
    return new Assertions.Failed(described + message, two ? what : null, expected, found);
  }

  static String formatted(String words, Object... arguments) {
    return arguments.length == 0 ? words : String.format(words, arguments);
  }

  static String show(Object value) {
    String text;
    try {
      if (value instanceof CharSequence) text = "\"" + value + "\"";
      else if (value instanceof Character) text = "'" + value + "'";
      else if (value instanceof Object[] all) text = Arrays.deepToString(all);
      else if (value != null && value.getClass().isArray()) text = list(value).toString();
      else text = String.valueOf(value);
    } catch (RuntimeException | StackOverflowError error) {
      text = "a " + value.getClass().getName() + " whose toString() fails";
    }
    return text.length() > LONGEST ? text.substring(0, LONGEST) + "…" : text;
  }
}
