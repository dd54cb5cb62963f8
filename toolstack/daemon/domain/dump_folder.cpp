#include "domain/dump_folder.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <ctime>
#include <filesystem>
#include <string_view>
#include <vector>

#include "base/log.hpp"

namespace hvctld {
namespace {

constexpr std::string_view kEnding = ".core";

bool is_stamp(std::string_view text) {
    constexpr std::string_view kForm = "00000000T000000Z";
    return text.size() == kForm.size() && std::ranges::equal(text, kForm, [](char c, char form) {
               return form == '0' ? std::isdigit(static_cast<unsigned char>(c)) != 0 : c == form;
           });
}

// The name of a domain may itself have dashes: only what comes after it whole is looked at.
bool is_of(std::string_view file, std::string_view domain) {
    if (!file.starts_with(domain) || !file.ends_with(kEnding)) return false;
    file.remove_prefix(domain.size());
    file.remove_suffix(kEnding.size());
    return file.starts_with('-') && is_stamp(file.substr(1));
}

}  // namespace

std::string dump_path(const std::string& folder, const std::string& domain, std::uint64_t realtime_us) {
    constexpr std::uint64_t kSecond = 1'000'000;
    const auto stamp = fmt::gmtime(static_cast<std::time_t>(realtime_us / kSecond));
    return fmt::format("{}/{}-{:%Y%m%dT%H%M%SZ}{}", folder, domain, stamp, kEnding);
}

Result<std::string> prepare_dump_folder(const std::string& folder) {
    if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) return fail_errno(errno, folder);
    std::error_code problem;
    const auto real = std::filesystem::canonical(folder, problem);
    if (problem) return fail(ErrorId::Io, fmt::format("{}: {}", folder, problem.message()));
    return real.string();
}

void trim_dumps(const std::string& folder, const std::string& domain, const std::string& latest, std::size_t keep) {
    const std::string own = std::filesystem::path{latest}.filename().string();
    std::error_code problem;
    std::vector<std::string> files;
    for (std::filesystem::directory_iterator entry{folder, problem}, end; !problem && entry != end;
         entry.increment(problem)) {
        const std::string name = entry->path().filename().string();
        if (name != own && is_of(name, domain)) files.push_back(name);
    }
    std::ranges::sort(files, std::ranges::greater{});  // their names are in the order of time
    for (std::size_t i = keep - 1; i < files.size(); ++i) {
        const std::string path = fmt::format("{}/{}", folder, files[i]);
        if (std::filesystem::remove(path, problem)) log::info("{}: removed, as there are newer ones", path);
    }
}

}  // namespace hvctld
