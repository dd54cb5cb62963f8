#include "domain/job.hpp"

#include <fmt/format.h>

#include <exception>
#include <utility>

#include "base/log.hpp"

namespace hvctld {

Step immediate(std::function<Result<void>(Job&)> work) {
    return [work = std::move(work)](Job& job, const Done& done) { done(work(job)); };
}

Step in_pool(std::function<Result<void>(Job&)> work) {
    return [work = std::move(work)](Job& job, const Done& done) {
        auto outcome = std::make_shared<Result<void>>();
        job.loop().blocking([work, outcome, &job] { *outcome = work(job); },
                            [outcome, done](const Result<void>& ran) { done(ran ? *outcome : ran); });
    };
}

Step delay(std::uint64_t ms, std::function<void(Job& job)> then) {
    return [ms, then = std::move(then)](Job& job, const Done& done) {
        const auto timer = std::make_shared<Timer>(job.loop());
        job.on_interrupt([timer, done](Error& why) {
            timer->stop();
            done(std::unexpected(why));
        });
        timer->start(ms, [&job, timer, then, done] {
            if (then) then(job);
            done({});
        });
    };
}

namespace {

// A step that throws has failed.
void run(const Step& step, Job& job, const Done& done) {
    try {
        step(job, done);
    } catch (const std::exception&) {
        done(std::unexpected(error_of(std::current_exception())));
    }
}

}  // namespace

Job::Job(Loop& loop, JobRecord record, std::function<void(Job&)> changed,
         std::function<void(Job&, const Result<void>&)> finished)
    : loop_{loop},
      record_{std::move(record)},
      changed_{std::move(changed)},
      finished_{std::move(finished)},
      alive_{std::make_shared<Job*>(this)} {}

void Job::start() {
    record_.state = JobState::Running;
    if (record_.deadline_us != 0) watch_deadline();
    next();
}

void Job::watch_deadline() {
    const std::uint64_t now = monotonic_us();
    const std::uint64_t left_ms = record_.deadline_us > now ? (record_.deadline_us - now) / 1000 : 0;
    deadline_ = std::make_unique<Timer>(loop_);
    deadline_->start(left_ms, [this] {
        interrupt(
            {ErrorId::DeadlinePassed, fmt::format("{} of {}: phase \"{}\" did not end before the job's deadline",
                                                  to_string(record_.verb), record_.domain, record_.phase_text())});
    });
}

void Job::set_deadline(std::uint32_t seconds) {
    record_.deadline_us = monotonic_us() + std::uint64_t{seconds} * 1'000'000;
    watch_deadline();
    changed_(*this);
}

void Job::count_attempt() {
    constexpr std::uint64_t kLastedMs = 10'000;
    ++record_.attempts;
    changed_(*this);
    lasted_ = std::make_unique<Timer>(loop_);
    lasted_->start(kLastedMs, [this] {
        record_.attempts = 1;
        changed_(*this);
    });
}

void Job::lift_deadline() {
    deadline_.reset();
    record_.deadline_us = 0;
}

void Job::next() {
    if (phases_.empty()) return end();
    if (interruption_ && !shielded_) return phase_ended(std::unexpected(*interruption_));
    Phase phase = std::move(phases_.front());
    phases_.pop_front();
    record_.phase = phase.name;
    record_.saying.clear();
    record_.percent = phase.percent;
    changed_(*this);
    // A phase may end within its own call; the next one then still begins from the loop, never deeper on the stack.
    // A phase that waits may see its event and an interruption at once; the first of them counts.
    run(phase.run, *this,
        [this, weak = std::weak_ptr{alive_}, once = std::make_shared<bool>(false)](Result<void> result) {
            if (weak.expired() || std::exchange(*once, true)) return;
            loop_.post([this, weak, result = std::move(result)] {
                if (!weak.expired()) phase_ended(result);
            });
        });
}

void Job::phase_ended(Result<void> result) {
    end_waiting_ = nullptr;
    if (result) return next();
    // A deadline or a cancellation is the cause, whatever the interrupted phase itself says.
    outcome_ = interruption_ && !shielded_ ? Result<void>{std::unexpected(*interruption_)} : std::move(result);
    phases_.clear();
    deadline_.reset();
    note_failure();
    if (!undo_.empty()) changed_(*this);  // a daemon that is killed now finds a job to undo, not one to go on with
    undo_next();
}

void Job::note_failure() {
    record_.error = static_cast<std::uint16_t>(outcome_.error().id());
    record_.message = outcome_.error().message();
}

void Job::undo_next() {
    if (undo_.empty()) return end();
    const Step undo = std::move(undo_.back());
    undo_.pop_back();
    run(undo, *this,
        [this, weak = std::weak_ptr{alive_}, once = std::make_shared<bool>(false)](const Result<void>& undone) {
            if (weak.expired() || std::exchange(*once, true)) return;
            if (!undone)
                log::error("{}: undoing {}: {}", record_.domain, to_string(record_.verb), undone.error().text());
            loop_.post([this, weak] {
                if (!weak.expired()) undo_next();
            });
        });
}

void Job::end() {
    deadline_.reset();
    lasted_.reset();
    record_.ended_us = realtime_us();
    if (outcome_) {
        record_.state = JobState::Done;
        record_.percent = 100;
        record_.error = 0;  // of an interruption that came too late
        record_.message.clear();
    } else {
        record_.state = outcome_.error().id() == ErrorId::Cancelled ? JobState::Cancelled : JobState::Failed;
    }
    finished_(*this, outcome_);
}

void Job::interrupt(Error why) {
    if (interruption_ || !outcome_) return;
    interruption_ = std::make_unique<Error>(std::move(why));
    stop_.request_stop();
    // Remembered at once: what was called off must not be gone on with by the next process.
    if (!shielded_) {
        record_.error = static_cast<std::uint16_t>(interruption_->id());
        record_.message = interruption_->message();
        changed_(*this);
    }
    if (const auto end_waiting = std::exchange(end_waiting_, nullptr)) end_waiting(*interruption_);
}

void Job::say(const std::string& what) {
    if (record_.saying == what) return;
    record_.saying = what;
    changed_(*this);
}

void Job::report_percent(std::uint32_t percent) {
    loop_.post([weak = std::weak_ptr{alive_}, percent] {
        const auto job = weak.lock();
        if (!job || (*job)->record_.state != JobState::Running || (*job)->record_.percent >= percent) return;
        (*job)->record_.percent = percent;
        (*job)->changed_(**job);
    });
}

}  // namespace hvctld
