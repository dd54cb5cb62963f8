#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>

#include "interrupts.hpp"
#include "text.hpp"
#include "top/figures.hpp"
#include "top/screen.hpp"
#include "verbs/verbs.hpp"

namespace hvctl::cli {
namespace {

using Milliseconds = std::chrono::milliseconds;

struct Arguments {
    std::string delay = "2";
    std::string iterations;
    std::string sort = "cpu";
    bool batch = false;
    bool json = false;
};

struct Options {
    Milliseconds delay{2000};
    std::uint64_t iterations = 0;  // 0: until the end
    TopColumn sort = TopColumn::Cpu;
    bool reversed = false;
};

constexpr Milliseconds kLeastDelay{100};
constexpr Milliseconds kMostDelay{3'600'000};

Result<Options> options_of(const Arguments& arguments) {
    Options options;
    double seconds = 0;
    const char* end = arguments.delay.data() + arguments.delay.size();
    const auto [rest, problem] = std::from_chars(arguments.delay.data(), end, seconds);
    if (problem != std::errc{} || rest != end || !(seconds >= 0.1 && seconds <= 3600))
        return fail(ExitCode::Usage, "top: --delay is 0.1 to 3600 seconds, not '" + arguments.delay + "'");
    options.delay = Milliseconds{static_cast<std::int64_t>(seconds * 1000)};
    if (!arguments.iterations.empty()) {
        const auto iterations = parse_number(arguments.iterations);
        if (!iterations || *iterations == 0)
            return fail(ExitCode::Usage, "top: --iterations is a number, not '" + arguments.iterations + "'");
        options.iterations = *iterations;
    }
    const auto column = top_column_named(arguments.sort);
    if (!column) {
        return fail(ExitCode::Usage,
                    "top: --sort is one of " + join(top_column_names(), ", ") + ", not '" + arguments.sort + "'");
    }
    options.sort = *column;
    return options;
}

// Over a connection that may have been lost meanwhile; `goes_on` says when to give up.
Result<Usage> look(Context& context, const std::function<bool()>& goes_on) {
    auto usage = TRY(context.manager())->get_usage();
    if (usage || usage.error().code != ExitCode::Unreachable) return usage;
    return TRY(context.reconnect(Context::kPatience, goes_on))->get_usage();
}

// False when a signal has come first.
bool wait_for(Milliseconds delay, Interrupts& interrupts) {
    pollfd file{interrupts.descriptor(), POLLIN, 0};
    return poll(&file, 1, static_cast<int>(delay.count())) == 0;
}

Result<void> print_figures(Context& context, const Arguments& arguments, const Options& options) {
    Interrupts interrupts;
    const auto goes_on = [&interrupts] { return interrupts.take() == 0; };
    Usage before = TRY(look(context, goes_on));
    for (std::uint64_t i = 0; options.iterations == 0 || i < options.iterations; ++i) {
        if (!wait_for(options.delay, interrupts)) return {};
        Usage now = TRY(look(context, goes_on));
        TopFigures figures = top_figures(before, now);
        before = std::move(now);
        sort_rows(figures.rows, options.sort, options.reversed);
        if (arguments.json) {
            print(top_json(figures));
        } else {
            print((i == 0 ? "" : "\n") + top_summary(figures) + '\n' +
                  top_table(figures, options.sort).render(context.out));
        }
        TRY(finish_output());
    }
    return {};
}

struct Key {
    int key;
    TopColumn column;
};
constexpr std::array kSortKeys{Key{'c', TopColumn::Cpu},      Key{'s', TopColumn::Steal}, Key{'m', TopColumn::Memory},
                               Key{'i', TopColumn::Received}, Key{'o', TopColumn::Sent},  Key{'d', TopColumn::Read},
                               Key{'w', TopColumn::Written},  Key{'t', TopColumn::Time},  Key{'n', TopColumn::Name},
                               Key{'a', TopColumn::State}};
constexpr const char* kHelp =
    "q quit  sort: c CPU s steal m memory i net in o net out d read w write t time n name  r reverse  + - delay";

// Whether to go on.
bool obey(int key, Options& options) {
    if (key == Screen::kEnd || key == 'q' || key == 'Q') return false;
    if (key == 'r') options.reversed = !options.reversed;
    if (key == '+') options.delay = std::min(options.delay * 2, kMostDelay);
    if (key == '-') options.delay = std::max(options.delay / 2, kLeastDelay);
    const auto found = std::ranges::find(kSortKeys, key, &Key::key);
    if (found != kSortKeys.end()) options.sort = found->column;
    return true;
}

Result<void> show_live(Context& context, Options options) {
    Usage before = TRY(look(context, {}));
    Screen screen;
    if (!screen.is_open())
        return fail(ExitCode::Failed, "this terminal cannot show it (TERM is not known); --batch prints it");
    TopFigures figures = top_figures(Usage{}, before);
    for (TopRow& row : figures.rows) row.cpu = row.steal = row.received = row.sent = row.read = row.written = 0;
    for (std::uint64_t i = 0; options.iterations == 0 || i < options.iterations; ++i) {
        const auto until = std::chrono::steady_clock::now() + options.delay;
        while (true) {
            sort_rows(figures.rows, options.sort, options.reversed);
            const Terminal terminal{true, false, screen.width()};
            screen.show(top_summary(figures), split_lines(top_table(figures, options.sort).render(terminal)), kHelp);
            const auto left = std::chrono::ceil<Milliseconds>(until - std::chrono::steady_clock::now());
            if (left.count() <= 0) break;
            const auto key = screen.key(left);
            if (key && !obey(*key, options)) return {};
        }
        Usage now = TRY(look(context, [&screen, &options] {
            const auto key = screen.key(Milliseconds{0});
            return !key || obey(*key, options);
        }));
        figures = top_figures(before, now);
        before = std::move(now);
    }
    return {};
}

}  // namespace

void add_top(App& app, Context& context) {
    auto arguments = std::make_shared<Arguments>();
    Verb& verb = app.verb("top", Topic::Look, "watch what domains use of the host");
    verb.description =
        "Shows, again every few seconds, what each domain uses: CPU time in percent of one CPU, the time that it "
        "wanted "
        "and did not get (steal), its memory, and the rates of its network interfaces and disks.\n"
        "On a terminal keys choose the column to sort by (the last line names them), r reverses, + and - change the "
        "delay, q quits. Without one, or with --batch or --json, it prints one table or document after the other.";
    verb.examples = "hvctl top\nhvctl top --batch --iterations 1 --sort memory\nhvctl top --json --delay 10";
    verb.value("--delay", "SECONDS", arguments->delay, "between two looks; 2 without");
    verb.value("--iterations", "COUNT", arguments->iterations, "end after so many");
    verb.value("--sort", "COLUMN", arguments->sort, "by which column: " + join(top_column_names(), ", "));
    verb.flag("--batch", "-b", arguments->batch, "print, and leave the terminal as it is");
    verb.flag("--json", arguments->json, "print JSON, one document after the other");
    verb.run = [arguments, &context]() -> Result<void> {
        const Options options = TRY(options_of(*arguments));
        const bool typed_at = isatty(STDIN_FILENO) != 0;
        if (arguments->batch || arguments->json || !context.out.is_tty || !typed_at)
            return print_figures(context, *arguments, options);
        return show_live(context, options);
    };
}

}  // namespace hvctl::cli
