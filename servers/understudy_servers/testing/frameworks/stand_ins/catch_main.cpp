// Runs the tests that `catch.hpp` declares, and reports each one over standard input's socket, which the driver holds
// the other end of. Standard output is the tests' own.
#include "catch.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>
#include <iostream>
#include <map>

namespace {

struct Test {
    void (*run)();
    std::string name, tags;
    Catch::Place place;
};

struct Node {
    std::map<std::string, std::unique_ptr<Node>> parts;
    Node* above = nullptr;
    bool done = false, ran = false;

    bool finished() const {
        return std::all_of(parts.begin(), parts.end(), [](const auto& part) { return part.second->done; });
    }
};

std::vector<Test>& tests() {
    static std::vector<Test> all;  // not a global: it is used while globals are still being made
    return all;
}

std::vector<std::string> infos;
bool failed = false;
Node* here = nullptr;
int channel = -1;
std::string secret, current;

std::string quoted(const std::string& text) {
    static const char* digits = "0123456789abcdef";
    std::string out = "\"";
    for (const char letter : text.substr(0, 600)) {
        const unsigned char code = static_cast<unsigned char>(letter);
        if (letter == '"' || letter == '\\') {
            out += '\\';
            out += letter;
        } else if (code < 0x20 || code >= 0x7f) {  // the driver reads bytes as Latin-1 and puts UTF-8 together again
            out += "\\u00";
            out += digits[code >> 4];
            out += digits[code & 15];
        } else {
            out += letter;
        }
    }
    return out + '"';
}

void put(const std::string& event, const std::string& facts) {
    const std::string line = "{\"s\":" + quoted(secret) + ",\"e\":" + quoted(event) + facts + "}\n";
    for (std::size_t sent = 0; sent < line.size();) {
        const ssize_t count = ::write(channel, line.data() + sent, line.size() - sent);
        if (count <= 0) std::_Exit(3);
        sent += static_cast<std::size_t>(count);
    }
}

std::string field(const char* name, const std::string& value) { return std::string(",\"") + name + "\":" + quoted(value); }

void open_channel() {
    for (char letter = 0; ::read(0, &letter, 1) == 1 && letter != '\n';) secret += letter;
    channel = ::fcntl(0, F_DUPFD_CLOEXEC, 100);
    const int nothing = ::open("/dev/null", O_RDONLY);
    if (channel < 0 || nothing < 0) std::_Exit(3);
    ::dup2(nothing, 0);
    ::close(nothing);
}

void once(const Test& test, Node& root) {
    root.ran = false;
    here = &root;
    infos.clear();
    try {
        test.run();
    } catch (const Catch::Stop&) {
    } catch (...) {
        Catch::fail({"exception", "threw: " + Catch::told(std::current_exception()), "", "", ""}, test.place);
    }
}

std::string id_of(const Test& test) {
    const std::string file = test.place.file;
    return file.substr(file.rfind('/') + 1) + "::" + test.name;
}

}  // namespace

namespace Catch {

int declare_test(void (*run)(), const char* name, const char* tags, Place place) {
    tests().push_back({run, name, tags, place});
    return 0;
}

void fail(const Failure& failure, Place place) {
    if (!failed) {
        std::string message = failure.message;
        for (const auto& info : infos) message += " (" + info + ")";
        put("failure", field("id", current) + field("kind", failure.kind) + field("message", message) +
                           field("call", failure.call) + field("actual", failure.actual) +
                           field("expected", failure.expected) +
                           field("where", std::string(place.file) + ":" + std::to_string(place.line)));
    }
    failed = true;
}

void tell(const std::string& message) { infos.push_back(message); }

void forget() {
    if (!infos.empty()) infos.pop_back();
}

bool enter_section(const std::string& name, Place place) {
    auto& part = here->parts[name + ":" + std::to_string(place.line)];
    if (!part) {
        part = std::make_unique<Node>();
        part->above = here;
    }
    if (part->done || here->ran) return false;
    here->ran = true;
    part->ran = false;
    here = part.get();
    return true;
}

void leave_section() {
    here->done = here->finished();
    here = here->above;
}

}  // namespace Catch

int main(int count, char** words) {
    open_channel();
    std::vector<const Test*> chosen;
    for (const auto& test : tests()) {
        if (test.tags.find("[.") != std::string::npos || test.tags.find("[!hide]") != std::string::npos) continue;
        bool wanted = count < 2;
        for (int index = 1; index < count; ++index) wanted = wanted || id_of(test).find(words[index]) != std::string::npos;
        if (wanted) chosen.push_back(&test);
    }
    std::map<std::string, int> seen;
    for (const Test* test : chosen) {
        current = id_of(*test) + std::string(static_cast<std::size_t>(seen[id_of(*test)]++), '\'');
        put("begin", field("id", current));
        failed = false;
        Node root;
        do {
            once(*test, root);
        } while (!failed && !root.finished());
        std::cout.flush();
        put("end", field("id", current) + field("outcome", failed ? "failed" : "passed"));
    }
    put("done", "");
    std::cout.flush();
    std::_Exit(0);  // what the code under test left for the end is not part of the tests
}
