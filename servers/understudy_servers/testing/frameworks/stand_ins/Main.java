// Runs the tests of compiled classes as JUnit 5 does, each with an object of its own, and reports them over standard
// input's socket, which the driver holds the other end of. Standard output is the tests' own.
package understudy;

import java.io.FileDescriptor;
import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.lang.reflect.AnnotatedElement;
import java.lang.reflect.Constructor;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.assertj.core.api.Assertions;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Disabled;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.AfterTestExecutionCallback;
import org.junit.jupiter.api.extension.BeforeTestExecutionCallback;
import org.junit.jupiter.api.extension.ExtendWith;

public final class Main {
  private static final List<String> OWN = List.of("understudy.", "org.junit.", "org.assertj.");
  private static final int LONGEST = 600;
  private static FileOutputStream channel;
  private static String secret;

  private Main() {}

  public static void main(String[] words) throws Exception {
    open();
    List<String> select = Arrays.asList(words).subList(1, words.length);
    for (Class<?> type : classes(Path.of(words[0]))) run(type, select);
    put("done", Map.of());
    System.out.flush();
    Runtime.getRuntime().halt(0); // what the code under test left running is not part of the tests
  }

  private static void open() throws IOException {
    FileInputStream letter = new FileInputStream(FileDescriptor.in);
    StringBuilder text = new StringBuilder();
    for (int next = letter.read(); next >= 0 && next != '\n'; next = letter.read()) text.append((char) next);
    secret = text.toString();
    channel = new FileOutputStream(FileDescriptor.in); // a socket, read and written at one descriptor
    System.setIn(InputStream.nullInputStream());
  }

  private static List<Class<?>> classes(Path folder) throws Exception {
    List<Class<?>> found = new ArrayList<>();
    List<Path> files;
    try (Stream<Path> all = Files.walk(folder)) {
      files = all.filter(path -> path.toString().endsWith(".class")).sorted().toList();
    }
    for (Path file : files) {
      String path = folder.relativize(file).toString();
      String name = path.substring(0, path.length() - ".class".length()).replace('/', '.');
      if (OWN.stream().anyMatch(name::startsWith)) continue;
      Class<?> type = Class.forName(name, false, Main.class.getClassLoader());
      if (!Modifier.isAbstract(type.getModifiers()) && !methods(type, Test.class).isEmpty()) found.add(type);
    }
    return found;
  }

  /** The methods with an annotation, those of the parents first, each name once. */
  private static List<Method> methods(Class<?> type, Class<? extends java.lang.annotation.Annotation> mark) {
    Map<String, Method> found = new LinkedHashMap<>();
    if (type.getSuperclass() != null && type.getSuperclass() != Object.class) {
      for (Method method : methods(type.getSuperclass(), mark)) found.put(method.getName(), method);
    }
    Method[] own = type.getDeclaredMethods();
    Arrays.sort(own, Comparator.comparing(Method::getName));
    for (Method method : own) {
      if (method.isAnnotationPresent(mark) && !method.isSynthetic()) found.put(method.getName(), method);
    }
    found.values().forEach(method -> method.setAccessible(true));
    return new ArrayList<>(found.values());
  }

  private static void run(Class<?> type, List<String> select) {
    List<Method> tests = new ArrayList<>();
    for (Method test : methods(type, Test.class)) {
      String id = id(type, test);
      if (select.isEmpty() || select.stream().anyMatch(id::contains)) tests.add(test);
    }
    if (tests.isEmpty()) return;
    Throwable broken = all(type, BeforeAll.class);
    for (Method test : tests) run(type, test, broken);
    Throwable after = all(type, AfterAll.class);
    if (after != null) tell(type.getName() + "::@AfterAll", after, type);
  }

  private static Throwable all(Class<?> type, Class<? extends java.lang.annotation.Annotation> mark) {
    try {
      for (Method method : methods(type, mark)) method.invoke(null);
    } catch (InvocationTargetException error) {
      return error.getCause();
    } catch (Throwable error) {
      return error;
    }
    return null;
  }

  private static void run(Class<?> type, Method test, Throwable broken) {
    String id = id(type, test);
    if (disabled(test) || disabled(type)) {
      put("begin", Map.of("id", id));
      put("end", Map.of("id", id, "outcome", "skipped"));
      return;
    }
    tell(id, broken != null ? broken : thrown(type, test), type);
  }

  private static Throwable thrown(Class<?> type, Method test) {
    begin(id(type, test));
    try {
      Constructor<?> make = type.getDeclaredConstructor();
      make.setAccessible(true);
      Object object = make.newInstance();
      List<Object> extensions = extensions(type);
      try {
        for (Method method : methods(type, BeforeEach.class)) method.invoke(object);
        between(object, test, extensions);
      } finally {
        for (Method method : methods(type, AfterEach.class)) method.invoke(object);
      }
    } catch (NoSuchMethodException error) {
      return new IllegalStateException("this test class has no constructor without arguments, so it is not run", error);
    } catch (InvocationTargetException error) {
      return error.getCause();
    } catch (Throwable error) {
      return error;
    }
    return null;
  }

  private static void between(Object object, Method test, List<Object> extensions) throws Exception {
    for (Object one : extensions) if (one instanceof BeforeTestExecutionCallback before) before.beforeTestExecution(null);
    try {
      test.invoke(object);
    } finally {
      for (Object one : extensions) if (one instanceof AfterTestExecutionCallback after) after.afterTestExecution(null);
    }
  }

  private static List<Object> extensions(Class<?> type) throws ReflectiveOperationException {
    List<Object> made = new ArrayList<>();
    ExtendWith named = type.getAnnotation(ExtendWith.class);
    for (Class<?> one : named == null ? new Class<?>[0] : named.value()) {
      Constructor<?> make = one.getDeclaredConstructor();
      make.setAccessible(true);
      made.add(make.newInstance());
    }
    return made;
  }

  private static boolean disabled(AnnotatedElement element) {
    return element.isAnnotationPresent(Disabled.class);
  }

  private static String id(Class<?> type, Method test) {
    return type.getName() + "::" + test.getName();
  }

  private static String last = "";

  private static void begin(String id) {
    if (!id.equals(last)) put("begin", Map.of("id", id));
    last = id;
  }

  private static void tell(String id, Throwable error, Class<?> type) {
    begin(id);
    if (error != null) {
      Map<String, String> facts = new LinkedHashMap<>();
      facts.put("id", id);
      facts.put("kind", error instanceof AssertionError ? "assert" : "exception");
      boolean plain = error instanceof Assertions.Failed;
      facts.put("message", plain ? text(error) : error.getClass().getName() + ": " + text(error));
      facts.put("where", where(error, type));
      if (error instanceof Assertions.Failed failed && failed.what != null) {
        facts.put("call", "the " + failed.what + " in " + id);
        facts.put("expected", failed.expected);
        facts.put("actual", failed.actual);
      }
      put("failure", facts);
    }
    put("end", Map.of("id", id, "outcome", error == null ? "passed" : "failed"));
  }

  private static String text(Throwable error) {
    try {
      return String.valueOf(error.getMessage());
    } catch (Throwable worse) {
      return "its message cannot be read";
    }
  }

  /** The first place that is neither the library's nor ours; for a failed assertion the test's own. */
  private static String where(Throwable error, Class<?> type) {
    for (StackTraceElement step : error.getStackTrace()) {
      String name = step.getClassName();
      boolean library = name.startsWith("java.") || name.startsWith("jdk.") || OWN.stream().anyMatch(name::startsWith);
      if (!library && step.getFileName() != null) return step.getFileName() + ":" + step.getLineNumber();
    }
    return type.getSimpleName();
  }

  private static synchronized void put(String event, Map<String, String> facts) {
    StringBuilder line = new StringBuilder("{\"s\":").append(quoted(secret)).append(",\"e\":").append(quoted(event));
    facts.forEach((name, value) -> line.append(',').append(quoted(name)).append(':').append(quoted(value)));
    try {
      channel.write(line.append("}\n").toString().getBytes(StandardCharsets.US_ASCII));
    } catch (IOException error) {
      Runtime.getRuntime().halt(3);
    }
  }

  private static String quoted(String text) {
    StringBuilder out = new StringBuilder("\"");
    for (char letter : text.substring(0, Math.min(text.length(), LONGEST)).toCharArray()) {
      if (letter == '"' || letter == '\\') out.append('\\').append(letter);
      else if (letter < 0x20 || letter > 0x7e) out.append(String.format("\\u%04x", (int) letter));
      else out.append(letter);
    }
    return out.append('"').toString();
  }
}
