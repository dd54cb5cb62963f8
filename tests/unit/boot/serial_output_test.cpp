// A serial port that is slower than its writers: no writer waits, the order stays, and what is lost is told.
#include "hv/x86/console/serial_output.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <string>

namespace hv::x86 {
namespace {

// Takes `fifo` characters, and then none until it has been emptied.
struct Port {
    unsigned fifo = 16, room = 0, looks = 0;
    std::string sent;
    bool ready() {
        ++looks;
        return room != 0;
    }
    void send(char character) {
        sent += character;
        --room;
    }
    void empty() { room = fifo; }
};

struct Line {
    std::unique_ptr<SerialOutput> output = std::make_unique<SerialOutput>();
    Port port;

    void write(std::string_view text, std::size_t spare = 0) { output->append({&text, 1}, spare); }
    void finish() {
        while (!output->empty()) {
            port.empty();
            output->drain(port, 1000);
        }
    }
};

constexpr std::size_t kAll = SerialOutput::kSize - SerialOutput::kNote;

TEST(SerialOutput, KeepsTheOrderAndEndsLines) {
    Line line;
    std::string expected;
    for (int i = 0; i < 100; ++i) {
        const std::string text = "line " + std::to_string(i);
        const std::string_view parts[] = {"(hv) ", text, "\n"};
        line.output->append(parts, 0);
        expected += "(hv) " + text + "\r\n";
        line.port.empty();
        line.output->drain(line.port, 1000);
    }
    line.finish();
    EXPECT_EQ(line.port.sent, expected);
    EXPECT_EQ(line.output->lost(), 0u);
}

TEST(SerialOutput, DoesNotWaitForThePort) {
    Line line;
    line.write("a line that is longer than the port's FIFO\n");
    line.output->drain(line.port, 1000);
    EXPECT_EQ(line.port.looks, 1u);
    line.port.empty();
    line.output->drain(line.port, 1000);
    EXPECT_EQ(line.port.sent.size(), 16u);
    EXPECT_FALSE(line.output->empty());
}

TEST(SerialOutput, GivesAPortThatIsAlwaysReadyNoMoreThanItIsTold) {
    Line line;
    line.port.room = ~0u;
    line.write(std::string(1000, 'x'));
    line.output->drain(line.port, 160);
    EXPECT_EQ(line.port.sent.size(), 160u);
}

TEST(SerialOutput, TellsInItsPlaceWhatWasLost) {
    Line line;
    line.write("before\n");
    line.write(std::string(kAll, 'x'));
    line.write("between\n");
    line.write(std::string(kAll, 'y'));
    line.write(std::string(kAll, 'z'));
    line.finish();
    line.write("after\n");
    line.finish();
    const std::string once = std::to_string(kAll), twice = std::to_string(2 * kAll);
    EXPECT_EQ(line.port.sent, "before\r\n\r\n(" + once + " characters lost)\r\nbetween\r\n\r\n(" + twice +
                                  " characters lost)\r\nafter\r\n");
    EXPECT_EQ(line.output->lost(), 3 * kAll);
}

TEST(SerialOutput, LeavesRoomForOthers) {
    constexpr std::size_t kSpare = 1000;
    Line line;
    while (line.output->has_room(100, kSpare)) line.write(std::string(100, 'g'), kSpare);
    line.write("of a guest", kSpare + 200);
    EXPECT_EQ(line.output->lost(), 10u);
    line.write("of hv", 0);
    EXPECT_EQ(line.output->lost(), 10u);
    line.finish();
    EXPECT_TRUE(line.port.sent.ends_with("of hv"));
}

}  // namespace
}  // namespace hv::x86
