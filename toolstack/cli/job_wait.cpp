#include "job_wait.hpp"

#include <poll.h>
#include <time.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <optional>

#include "interrupts.hpp"
#include "text.hpp"

namespace hvctl::cli {
namespace {

constexpr std::chrono::seconds kDaemonComesBack{60};

// One line on the terminal, rewritten as the job goes on and gone when it ends; or lines that stay.
class ProgressLine {
  public:
    ProgressLine(const Terminal& terminal, Progress elsewhere) : terminal_(terminal), elsewhere_(elsewhere) {}
    ~ProgressLine() { clear(); }
    ProgressLine(const ProgressLine&) = delete;
    ProgressLine& operator=(const ProgressLine&) = delete;

    void show(std::string text) {
        if (!terminal_.is_tty) {
            if (elsewhere_ == Progress::Lines && text != last_) print(text + '\n');
            if (elsewhere_ == Progress::Lines) static_cast<void>(finish_output());  // main() asks again
            last_ = std::move(text);
            return;
        }
        if (!in_foreground(STDERR_FILENO)) return;  // another program's line
        std::string line = "\r\x1b[K" + cut(text, terminal_.width - 1);
        std::fwrite(line.data(), 1, line.size(), stderr);
        std::fflush(stderr);
        shown_ = true;
    }
    void clear() {
        if (shown_) std::fputs("\r\x1b[K", stderr);
        shown_ = false;
    }

  private:
    const Terminal& terminal_;
    Progress elsewhere_;
    std::string last_;
    bool shown_ = false;
};

// One WaitJob over one connection.
class Waiter {
  public:
    Waiter(Manager& manager, JobId job, OnInterrupt on_interrupt, ProgressLine& progress)
        : manager_(manager),
          bus_(manager.connection().bus()),
          job_(job),
          on_interrupt_(on_interrupt),
          progress_(progress) {}

    Result<Properties> run(Interrupts& interrupts);

    // Whether run() failed because the connection went away.
    bool lost() const { return lost_; }

  private:
    Manager& manager_;
    sd_bus* bus_;
    JobId job_;
    OnInterrupt on_interrupt_;
    ProgressLine& progress_;
    Slot changed_, reply_;
    std::optional<Result<Properties>> ended_;
    bool lost_ = false;
    bool interrupted_ = false;

    static int on_changed(sd_bus_message* message, void* self, sd_bus_error*);
    static int on_reply(sd_bus_message* message, void* self, sd_bus_error*);
    Result<void> begin();
    void wait_for_traffic(const Interrupts& interrupts) const;
    void interrupt();
    void lose() {
        lost_ = true;
        ended_ = std::unexpected(failure_of_errno(-ECONNRESET));
    }
};

Result<void> Waiter::begin() {
    sd_bus_slot* slot = nullptr;
    int error = sd_bus_match_signal(bus_, &slot, manager_.connection().destination(), kObjectPath, kInterface,
                                    "JobChanged", &on_changed, this);
    if (error < 0) return std::unexpected(failure_of_errno(error));
    changed_.reset(slot);
    Message call = TRY(manager_.connection().new_call("WaitJob"));
    error = sd_bus_message_append(call.get(), "t", job_);
    if (error >= 0) error = sd_bus_call_async(bus_, &slot, call.get(), &on_reply, this, UINT64_MAX);
    if (error < 0) return std::unexpected(failure_of_errno(error));
    reply_.reset(slot);
    return {};
}

int Waiter::on_changed(sd_bus_message* message, void* self, sd_bus_error*) {
    auto* waiter = static_cast<Waiter*>(self);
    auto job = read_u64(message);
    if (!job || *job != waiter->job_) return 0;
    if (auto properties = read_properties(message)) waiter->progress_.show(progress_text(*properties));
    return 0;
}

int Waiter::on_reply(sd_bus_message* message, void* self, sd_bus_error*) {
    auto* waiter = static_cast<Waiter*>(self);
    const sd_bus_error* error = sd_bus_message_get_error(message);
    if (error == nullptr) {
        waiter->ended_ = read_properties(message);
    } else if (!waiter->manager_.connection().alive()) {
        waiter->lose();
    } else {
        waiter->ended_ = std::unexpected(failure_of(*error));
    }
    return 0;
}

void Waiter::wait_for_traffic(const Interrupts& interrupts) const {
    std::uint64_t deadline = UINT64_MAX;
    sd_bus_get_timeout(bus_, &deadline);
    timespec left{};
    if (deadline != UINT64_MAX) {
        timespec now{};
        clock_gettime(CLOCK_MONOTONIC, &now);
        auto elapsed =
            static_cast<std::uint64_t>(now.tv_sec) * 1'000'000 + static_cast<std::uint64_t>(now.tv_nsec) / 1000;
        std::uint64_t rest = deadline > elapsed ? deadline - elapsed : 0;
        left = {static_cast<time_t>(rest / 1'000'000), static_cast<long>(rest % 1'000'000 * 1000)};
    }
    std::array<pollfd, 2> polled = {pollfd{sd_bus_get_fd(bus_), static_cast<short>(sd_bus_get_events(bus_)), 0},
                                    pollfd{interrupts.descriptor(), POLLIN, 0}};
    ppoll(polled.data(), polled.size(), deadline == UINT64_MAX ? nullptr : &left, nullptr);
}

void Waiter::interrupt() {
    progress_.clear();
    std::string number = std::to_string(job_);
    if (on_interrupt_ == OnInterrupt::CancelJob && !interrupted_) {
        interrupted_ = true;
        warn("cancelling job " + number + "; Ctrl-C again leaves it alone");
        auto call = manager_.connection().new_call("CancelJob");
        // Its refusal would be of no use to the user: the job then goes on and its end is reported as ever.
        if (call && sd_bus_message_append((*call).get(), "t", job_) >= 0) sd_bus_send(bus_, (*call).get(), nullptr);
        return;
    }
    ended_ = fail(ExitCode::Interrupted, "job " + number + " goes on: 'hvctl job wait " + number +
                                             "' waits for its end, "
                                             "'hvctl job cancel " +
                                             number + "' stops it");
}

Result<Properties> Waiter::run(Interrupts& interrupts) {
    TRY(begin());
    while (!ended_) {
        int handled = sd_bus_process(bus_, nullptr);
        if (ended_ || handled > 0) continue;
        if (handled < 0) {
            lose();
            break;
        }
        wait_for_traffic(interrupts);
        if (interrupts.take() != 0) interrupt();
    }
    return std::move(*ended_);
}

}  // namespace

std::string progress_text(const Properties& job) {
    std::string text = job.text("verb", "job") + ' ' + job.text("domain");
    std::string phase = job.text("phase");
    if (!phase.empty()) text += ": " + phase;
    if (job.has("percent")) text += ' ' + std::to_string(job.number("percent")) + " %";
    return safe_for_terminal(text);
}

Result<Properties> wait_for_job(Context& context, JobId job, OnInterrupt on_interrupt, Progress lines) {
    Interrupts interrupts;
    ProgressLine progress(context.err, lines);
    while (true) {
        Manager* manager = TRY(context.manager());
        Waiter waiter(*manager, job, on_interrupt, progress);
        auto ended = waiter.run(interrupts);
        progress.clear();
        if (!waiter.lost()) return ended;
        progress.show("hvctld has gone; waiting for it to come back");
        bool left = false;
        const auto goes_on = [&] { return !(left = left || interrupts.take() != 0); };
        if (context.reconnect(kDaemonComesBack, goes_on)) continue;
        if (left) return fail(ExitCode::Interrupted, "job " + std::to_string(job) + " goes on when hvctld is back");
        return ended;
    }
}

}  // namespace hvctl::cli
