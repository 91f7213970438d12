// What tests use of AssertJ (https://assertj.github.io/doc/), and no more; a method that is not here does not compile.
package org.assertj.core.api;

import org.assertj.core.data.Offset;

public class Assertions {
  protected Assertions() {}

  @FunctionalInterface
  public interface ThrowingCallable {
    void call() throws Throwable;
  }

  public static <T> Assert<T> assertThat(T actual) {
    return new Assert<>(actual);
  }

  public static Assert<Throwable> assertThatThrownBy(ThrowingCallable code) {
    Throwable thrown = catchThrowable(code);
    if (thrown == null) throw new Failed("Expecting code to raise a throwable.");
    return new Assert<>(thrown);
  }

  public static Assert<Throwable> assertThatCode(ThrowingCallable code) {
    return new Assert<>(catchThrowable(code));
  }

  public static Throwable catchThrowable(ThrowingCallable code) {
    try {
      code.call();
    } catch (ThreadDeath death) {
      throw death;
    } catch (Throwable thrown) {
      return thrown;
    }
    return null;
  }

  public static <T extends Throwable> ThrownBy<T> assertThatExceptionOfType(Class<? extends T> type) {
    return new ThrownBy<T>(type);
  }

  public static ThrownBy<IllegalArgumentException> assertThatIllegalArgumentException() {
    return assertThatExceptionOfType(IllegalArgumentException.class);
  }

  public static ThrownBy<IllegalStateException> assertThatIllegalStateException() {
    return assertThatExceptionOfType(IllegalStateException.class);
  }

  public static ThrownBy<NullPointerException> assertThatNullPointerException() {
    return assertThatExceptionOfType(NullPointerException.class);
  }

  public static NotThrown assertThatNoException() {
    return new NotThrown();
  }

  public static <T extends Number> Offset<T> within(T value) {
    return new Offset<>(value);
  }

  public static <T extends Number> Offset<T> offset(T value) {
    return new Offset<>(value);
  }

  public static <K, V> java.util.Map.Entry<K, V> entry(K key, V value) {
    return new java.util.AbstractMap.SimpleEntry<>(key, value);
  }

  public static void fail(String message) {
    throw new Failed(message);
  }

  public static final class ThrownBy<T extends Throwable> {
    private final Class<? extends T> type;
    private String described = "";

    ThrownBy(Class<? extends T> type) {
      this.type = type;
    }

    public ThrownBy<T> as(String words, Object... arguments) {
      described = "[" + Assert.formatted(words, arguments) + "] ";
      return this;
    }

    public Assert<Throwable> isThrownBy(ThrowingCallable code) {
      Throwable thrown = catchThrowable(code);
      String wanted = described + "Expecting code to raise " + type.getName();
      if (thrown == null) throw new Failed(wanted + ", and nothing was raised.");
      if (!type.isInstance(thrown)) throw new Failed(wanted + ", and it raised " + Assert.show(thrown));
      return new Assert<>(thrown);
    }
  }

  public static final class NotThrown {
    public void isThrownBy(ThrowingCallable code) {
      new Assert<>(catchThrowable(code)).doesNotThrowAnyException();
    }
  }

  /** An assertion that does not hold; both sides as text, and what they are, where there are two. */
  public static final class Failed extends AssertionError {
    public final String what, expected, actual;

    public Failed(String message) {
      this(message, null, null, null);
    }

    public Failed(String message, String what, String expected, String actual) {
      super(message);
      this.what = what;
      this.expected = expected;
      this.actual = actual;
    }
  }
}
