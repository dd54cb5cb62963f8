// The system bus: root may do everything, others what polkit says, and only they are kept waiting for polkit.
#include <future>

#include "broker_testing.hpp"

namespace hvctld::test {
namespace {

using Authority = bus::Authority;

constexpr const char* kDenied = "org.hvctl1.Error.AccessDenied";

bool says(const std::string& text, std::string_view what) {
    return text.find(what) != std::string::npos;
}

// A call whose answer is looked at later.
struct Pending {
    std::string error_name;
    bool answered = false;
    bus::Slot slot;

    static std::unique_ptr<Pending> of(sd_bus* bus, const char* method, const char* argument) {
        auto pending = std::make_unique<Pending>();
        sd_bus_slot* slot = nullptr;
        EXPECT_GE(sd_bus_call_method_async(
                      bus, &slot, "org.hvctl1", bus::kObjectPath, bus::kInterface, method,
                      [](sd_bus_message* reply, void* context, sd_bus_error*) {
                          auto* self = static_cast<Pending*>(context);
                          const sd_bus_error* error = sd_bus_message_get_error(reply);
                          self->error_name = error != nullptr ? error->name : "";
                          self->answered = true;
                          return 0;
                      },
                      pending.get(), argument != nullptr ? "s" : "", argument),
                  0);
        pending->slot.reset(slot);
        sd_bus_flush(bus);
        return pending;
    }
    void wait(sd_bus* bus) const {
        while (!answered && sd_bus_process(bus, nullptr) >= 0) {
            if (!answered) sd_bus_wait(bus, 10'000);
        }
    }
};

TEST_F(BrokerTest, RootMayEverythingAndPolkitNeedNotBeThere) {
    serve();
    with_system_client([&](sd_bus* bus) {
        EXPECT_TRUE(call(bus, "ListDomains", "").message);
        const Reply created = call(bus, "CreateDomain", "ssasa{sv}", definition("web1").c_str(), "f", 0, 0);
        EXPECT_TRUE(call(bus, "WaitJob", "t", job_of(created)).message);
        EXPECT_TRUE(call(bus, "WaitJob", "t", job_of(call(bus, "DestroyDomain", "s", "web1"))).message);
        EXPECT_EQ(call(bus, "GetDomain", "s", "web2").error_name, "org.hvctl1.Error.NoSuchDomain");
    });
}

TEST_F(BrokerTest, WithoutPolkitOthersAreToldThatItIsForRoot) {
    serve(for_others());
    with_system_client([&](sd_bus* bus) {
        const Reply reply = call(bus, "ListDomains", "");
        EXPECT_EQ(reply.error_name, kDenied);
        EXPECT_TRUE(says(reply.error_text, "sudo")) << reply.error_text;
        EXPECT_TRUE(says(reply.error_text, "polkitd")) << reply.error_text;
    });
}

TEST_F(BrokerTest, EachMethodIsOfItsKind) {
    FakePolkit polkit;
    serve(for_others());
    std::size_t asked = 0;
    const auto check = [&](sd_bus* bus, const std::string& kind, const char* method, const char* types,
                           auto... arguments) {
        EXPECT_EQ(call(bus, method, types, arguments...).error_name, kDenied) << method;
        const auto questions = polkit.questions(++asked);
        EXPECT_EQ(questions.back().action, "org.hvctl1." + kind) << method;
        EXPECT_EQ(questions.back().subject, "system-bus-name");
        const char* name = nullptr;
        sd_bus_get_unique_name(bus, &name);
        EXPECT_EQ(questions.back().client, name);
    };
    with_system_client([&](sd_bus* bus) {
        for (const char* method : {"ListDomains", "ListJobs", "GetHostInfo", "GetPerfCounters"})
            check(bus, "view", method, "");
        for (const char* method : {"GetDomain", "ListVcpus"}) check(bus, "view", method, "s", "web1");
        check(bus, "view", "WaitJob", "t", std::uint64_t{1});
        for (const char* method : {"PauseDomain", "UnpauseDomain", "DestroyDomain"})
            check(bus, "control", method, "s", "web1");
        for (const char* method : {"StartDomain", "ShutdownDomain", "RebootDomain"})
            check(bus, "control", method, "sa{sv}", "web1", 0);
        check(bus, "control", "PinVcpu", "siss", "web1", 0, "all", "");
        check(bus, "control", "CancelJob", "t", std::uint64_t{1});
        for (const char* method : {"CreateDomain", "ValidateDomain"})
            check(bus, "define", method, "ssasa{sv}", definition("web1").c_str(), "f", 0, 0);
        for (const char* method : {"GetDefinition", "ForgetDomain"}) check(bus, "define", method, "s", "web1");
        check(bus, "console", "OpenConsole", "sst", "web1", "read", std::uint64_t{0});
        check(bus, "console", "OpenConsoleLog", "s", "web1");
        check(bus, "host", "StopAllDomains", "a{sv}", 0);
        check(bus, "host", "ReadHvLog", "tb", std::uint64_t{0}, 0);
        check(bus, "host", "SendDebugKeys", "s", "h");
    });
}

TEST_F(BrokerTest, OthersMayWhatPolkitGrantsThem) {
    process->finish(create(definition("web1")));
    FakePolkit polkit;
    polkit.grant({"org.hvctl1.view", "org.hvctl1.control"});
    serve(for_others());
    with_system_client([&](sd_bus* bus) {
        EXPECT_TRUE(call(bus, "ListDomains", "").message);
        EXPECT_TRUE(call(bus, "PauseDomain", "s", "web1").message);
        const Reply refused = call(bus, "ForgetDomain", "s", "web1");
        EXPECT_EQ(refused.error_name, kDenied);
        EXPECT_TRUE(says(refused.error_text, "org.hvctl1.define")) << refused.error_text;
        EXPECT_EQ(call(bus, "DestroyDomain", "s", "web2").error_name, "org.hvctl1.Error.NoSuchDomain");
    });
    EXPECT_EQ(view("web1").state, "paused");
}

TEST_F(BrokerTest, APasswordIsAskedForOnlyIfTheCallerAllowsIt) {
    FakePolkit polkit;
    polkit.answer({{.challenge = true}});
    serve(for_others());
    with_system_client([&](sd_bus* bus) {
        Reply reply = call(bus, "ListDomains", "");
        EXPECT_EQ(reply.error_name, "org.hvctl1.Error.AuthorizationRequired");
        EXPECT_TRUE(says(reply.error_text, "org.hvctl1.view")) << reply.error_text;
        EXPECT_EQ(polkit.questions(1)[0].flags, 0u);
        sd_bus_set_allow_interactive_authorization(bus, 1);
        reply = call(bus, "ListDomains", "");
        EXPECT_EQ(reply.error_name, kDenied);
        EXPECT_TRUE(says(reply.error_text, "agent")) << reply.error_text;
        EXPECT_EQ(polkit.questions(2)[1].flags, 1u);
        polkit.answer({{.challenge = true, .dismissed = true}});
        reply = call(bus, "ListDomains", "");
        EXPECT_EQ(reply.error_name, kDenied);
        EXPECT_TRUE(says(reply.error_text, "dismissed")) << reply.error_text;
    });
}

TEST_F(BrokerTest, NobodyElseWaitsWhilePolkitAsks) {
    FakePolkit polkit;
    polkit.answer({});
    serve(for_others());
    with_system_client([&](sd_bus* bus) {
        const auto waiting = Pending::of(bus, "ListDomains", nullptr);
        polkit.questions(1);
        const bus::Bus local = connect();
        EXPECT_TRUE(call(local.get(), "ListDomains", "").message);
        EXPECT_FALSE(waiting->answered);
        polkit.answer({{.granted = true}});
        waiting->wait(bus);
        EXPECT_EQ(waiting->error_name, "");
    });
}

TEST_F(BrokerTest, WhatPolkitAsksOfAClientThatHasLeftIsTakenBack) {
    process->finish(create(definition("web1")));
    FakePolkit polkit;
    polkit.answer({});
    serve(for_others());
    with_threads(1, [&] {
        bus::Bus bus = connect_to_broker();
        const auto waiting = Pending::of(bus.get(), "PauseDomain", "web1");
        const auto asked = polkit.questions(1);
        sd_bus_close(bus.get());
        EXPECT_EQ(polkit.cancelled(1), std::vector{asked[0].cancellation_id});
        polkit.answer({{.granted = true}});
        const bus::Bus other = connect_to_broker();
        EXPECT_TRUE(call(other.get(), "ListDomains", "").message);
    });
    EXPECT_NE(view("web1").state, "paused");
}

TEST_F(BrokerTest, APolkitThatDoesNotAnswerIsNotWaitedForForEver) {
    FakePolkit polkit;
    polkit.answer({});
    auto rules = for_others();
    rules.answer_us = rules.password_us = 20'000;
    serve(std::move(rules));
    with_system_client([&](sd_bus* bus) {
        const Reply reply = call(bus, "ListDomains", "");
        EXPECT_EQ(reply.error_name, kDenied);
        EXPECT_TRUE(says(reply.error_text, "does not answer")) << reply.error_text;
        const auto asked = polkit.questions(1);
        EXPECT_EQ(polkit.cancelled(1), std::vector{asked[0].cancellation_id});
    });
}

TEST_F(BrokerTest, OneClientHasNoMoreThanItsShareOfQuestions) {
    FakePolkit polkit;
    polkit.answer({});
    serve(for_others());
    with_system_client([&](sd_bus* bus) {
        std::vector<std::unique_ptr<Pending>> waiting;
        while (waiting.size() < Authority::kMostOfOneCaller)
            waiting.push_back(Pending::of(bus, "ListDomains", nullptr));
        polkit.questions(Authority::kMostOfOneCaller);
        EXPECT_EQ(call(bus, "ListDomains", "").error_name, "org.hvctl1.Error.LimitReached");
        polkit.answer({{.granted = true}});
        for (const auto& each : waiting) {
            each->wait(bus);
            EXPECT_EQ(each->error_name, "");
        }
        EXPECT_TRUE(call(bus, "ListDomains", "").message);
    });
}

// Any client may send calls of megabytes: they are not kept while polkit is asked.
TEST_F(BrokerTest, WhatWaitsForAuthorizationIsSmall) {
    FakePolkit polkit;
    polkit.answer({});
    serve(for_others());
    with_system_client([&](sd_bus* bus) {
        const std::string large(Authority::kMostBytes, 'x');
        EXPECT_EQ(call(bus, "GetDomain", "s", large.c_str()).error_name, "org.hvctl1.Error.LimitReached");
        EXPECT_EQ(call(bus, "CreateDomain", "ssasa{sv}", "name: a", "f", 1, large.c_str(), 0).error_name,
                  "org.hvctl1.Error.LimitReached");
        EXPECT_EQ(call(bus, "StartDomain", "sa{sv}", "web1", 1, "paused", "as", 1, large.c_str()).error_name,
                  "org.hvctl1.Error.LimitReached");
        const std::string half(Authority::kMostBytes / 2, 'x');
        std::vector<std::unique_ptr<Pending>> waiting;
        for (std::size_t i = 0; i < 3; ++i) waiting.push_back(Pending::of(bus, "GetDomain", half.c_str()));
        polkit.questions(2);
        waiting[2]->wait(bus);
        EXPECT_EQ(waiting[2]->error_name, "org.hvctl1.Error.LimitReached");
    });
}

TEST_F(BrokerTest, ABrokerThatGoesWhilePolkitAsksTakesNobodyAlong) {
    {
        FakePolkit polkit;
        polkit.answer({});
        serve(for_others());
        with_system_client([&](sd_bus* bus) {
            const auto waiting = Pending::of(bus, "ListDomains", nullptr);
            polkit.questions(1);
            broker.end();
            const bus::Bus local = connect();
            EXPECT_TRUE(call(local.get(), "ListDomains", "").message);
        });
    }
    system_bus.reset();
    with_client([&](sd_bus* bus) { EXPECT_TRUE(call(bus, "ListDomains", "").message); });
}

// The calls of clients that have left wait for no job.
TEST_F(BrokerTest, WhoLeavesWaitsForNoJob) {
    bool go = false;
    std::mutex mutex;
    std::condition_variable changed;
    hypervisor.build_hook = [&] {
        std::unique_lock guard{mutex};
        changed.wait(guard, [&] { return go; });
    };
    serve();
    with_threads(1, [&] {
        const bus::Bus stays = connect_to_broker();
        const std::uint64_t job =
            job_of(call(stays.get(), "CreateDomain", "ssasa{sv}", definition("web1").c_str(), "f", 0, 0));
        const auto waits = [&](sd_bus* bus) {
            sd_bus_call_method_async(bus, nullptr, "org.hvctl1", bus::kObjectPath, bus::kInterface, "WaitJob", nullptr,
                                     nullptr, "t", job);
            EXPECT_TRUE(call(bus, "ListJobs", "").message);
        };
        waits(stays.get());
        bus::Bus leaves = connect_to_broker();
        waits(leaves.get());
        const auto waiting = [&] {
            std::promise<std::size_t> count;
            process->loop->post([&] { count.set_value(object.waiting()); });
            return count.get_future().get();
        };
        EXPECT_EQ(waiting(), 2u);
        sd_bus_close(leaves.get());
        while (waiting() > 1) EXPECT_TRUE(call(stays.get(), "ListJobs", "").message);
        {
            const std::lock_guard guard{mutex};
            go = true;
        }
        changed.notify_all();
    });
    process->settle();
}

// Another service has the name: the daemon gets it when that one leaves.
TEST_F(BrokerTest, ANameThatIsTakenIsWaitedFor) {
    sd_bus* raw = nullptr;
    ASSERT_GE(sd_bus_open_system(&raw), 0);
    bus::Bus owner{raw};
    ASSERT_GE(sd_bus_request_name(raw, "org.hvctl1", 0), 0);
    serve();
    with_threads(1, [&] {
        const bus::Bus local = connect();
        EXPECT_TRUE(call(local.get(), "ListDomains", "").message);
        const auto queued = [&] {
            sd_bus_message* reply = nullptr;
            sd_bus_call_method(owner.get(), "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus",
                               "ListQueuedOwners", nullptr, &reply, "s", "org.hvctl1");
            const bus::Message list{reply};
            char** names = nullptr;
            EXPECT_GE(sd_bus_message_read_strv(reply, &names), 0);
            std::size_t count = 0;
            for (char** name = names; name != nullptr && *name != nullptr; free(*name++)) ++count;
            free(names);
            return count;
        };
        while (queued() < 2) std::this_thread::yield();
        owner.reset();
        const bus::Bus bus = connect_to_broker();
        EXPECT_TRUE(call(bus.get(), "ListDomains", "").message);
    });
}

}  // namespace
}  // namespace hvctld::test
