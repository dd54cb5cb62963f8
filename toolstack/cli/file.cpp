#include "file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "text.hpp"

namespace hvctl::cli {
namespace {

std::unexpected<Failure> cannot_read(const std::string& source, int error) {
    std::string reason = "cannot read " + source + ": " + std::strerror(error);
    if (error == ENOENT) reason = "there is no file " + source;
    if (error == EACCES && geteuid() != 0) reason += "\nYou are not root: try it with sudo.";
    return fail(ExitCode::Usage, reason);
}

Result<std::string> read_all(int descriptor, const std::string& source) {
    std::string text;
    std::array<char, 16384> buffer{};
    while (true) {
        ssize_t got = read(descriptor, buffer.data(), buffer.size());
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return cannot_read(source, errno);
        if (got == 0) return text;
        text.append(buffer.data(), static_cast<std::size_t>(got));
        if (text.size() > kMaxDefinition) {
            return fail(ExitCode::Usage, source + " is larger than 1 MiB: that is not a domain file");
        }
    }
}

// D-Bus carries UTF-8 only, and so does YAML.
Result<void> check_text(const DefinitionFile& file) {
    std::size_t line = 1;
    for (std::string_view rest = file.text; !rest.empty();) {
        Character character = first_character(rest);
        bool malformed = character.code == 0xfffd && character.bytes == 1;
        if (malformed || character.code == 0) {
            return fail(ExitCode::Usage,
                        file.source + ':' + std::to_string(line) +
                            (malformed ? ": not UTF-8 text" : ": a NUL byte; this is not a text file"));
        }
        if (character.code == '\n') ++line;
        rest.remove_prefix(character.bytes);
    }
    return {};
}

}  // namespace

Result<DefinitionFile> read_definition(const std::string& path) {
    DefinitionFile file{path == "-" ? "standard input" : path, {}};
    if (path == "-") {
        file.text = TRY(read_all(STDIN_FILENO, file.source));
    } else {
        int descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC);
        if (descriptor < 0) return cannot_read(path, errno);
        struct stat status {};
        bool directory = fstat(descriptor, &status) == 0 && S_ISDIR(status.st_mode);
        auto text =
            directory ? fail(ExitCode::Usage, path + " is a directory, not a domain file") : read_all(descriptor, path);
        close(descriptor);
        file.text = TRY(std::move(text));
    }
    TRY(check_text(file));
    if (file.text.find_first_not_of(" \t\r\n") == std::string::npos) {
        return fail(ExitCode::Usage, file.source + " is empty\nhvctl.yaml(5) describes what belongs into it.");
    }
    return file;
}

Result<void> check_overrides(const std::vector<std::string>& overrides) {
    for (const std::string& word : overrides) {
        std::size_t equals = word.find('=');
        if (equals == std::string::npos || equals == 0) {
            return fail(ExitCode::Usage, "'" + word +
                                             "' is not KEY=VALUE\nWhat follows the file changes keys of the "
                                             "definition, such as memory=512MiB.");
        }
    }
    return {};
}

}  // namespace hvctl::cli
