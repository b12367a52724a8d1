#include <array>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>
#include <stdlib.h>

#include "fake_http_service.h"
#include "rota/base/clock.h"
#include "rota/instance/load.h"
#include "rota/instance/load_text.h"

namespace rota::instance {
namespace {

using namespace std::chrono_literals;

/// /proc and /sys/fs/cgroup as a test wants them.
class FakeKernel {
public:
    FakeKernel() {
        std::string name = (std::filesystem::temp_directory_path() / "rota-load-XXXXXX").string();
        root_ = ::mkdtemp(name.data());
    }

    ~FakeKernel() { std::filesystem::remove_all(root_); }

    FakeKernel(const FakeKernel&) = delete;
    FakeKernel& operator=(const FakeKernel&) = delete;
    FakeKernel(FakeKernel&&) = delete;
    FakeKernel& operator=(FakeKernel&&) = delete;

    void write(const std::string& file, std::string_view text) const {
        const auto path = root_ / file;
        std::filesystem::create_directories(path.parent_path());
        std::ofstream{path} << text;
    }

    [[nodiscard]] LoadPaths paths() const {
        return {.proc = (root_ / "proc").string(), .cgroup = (root_ / "cgroup").string()};
    }

private:
    std::filesystem::path root_;
};

LoadMeter meter(std::string_view text, const LoadPaths& paths = {}) {
    return LoadMeter{parse_load_source(text).value(), paths};
}

constexpr BootTime kStart{1h};

TEST(LoadSource, is_read_from_one_line) {
    EXPECT_EQ(parse_load_source("cpu")->kind, LoadKind::cpu);
    EXPECT_EQ(parse_load_source("psi:memory")->target, "memory");
    EXPECT_EQ(parse_load_source("loadavg")->kind, LoadKind::load_average);
    EXPECT_EQ(parse_load_source("memory")->kind, LoadKind::memory);
    EXPECT_EQ(parse_load_source("exec:load 75%")->target, "load 75%");
    EXPECT_EQ(parse_load_source("http://127.0.0.1/load?x=1")->target, "http://127.0.0.1/load?x=1");
    const auto connections = parse_load_source("connections:500:80,443");
    ASSERT_TRUE(connections);
    EXPECT_EQ(connections->limit, 500);
    EXPECT_EQ(connections->ports, (std::vector<std::uint16_t>{80, 443}));
    EXPECT_EQ(parse_load_source("connections:500", std::array<std::uint16_t, 1>{8080})->ports,
              (std::vector<std::uint16_t>{8080}));
}

TEST(LoadSource, of_another_form_names_what_is_allowed) {
    for (const char* text :
         {"", "CPU", "psi:", "psi:net", "connections:", "connections:500", "connections:0:80",
          "connections:-1:80", "connections:500:", "connections:500:80,", "connections:500:0",
          "connections:500:70000", "exec:", "http://", "ftp://x/", "disk"}) {
        const auto source = parse_load_source(text);
        ASSERT_FALSE(source) << text;
        EXPECT_EQ(source.error().kind, ErrorKind::config) << text;
    }
    EXPECT_EQ(parse_load_source("disk").error().message,
              "load source 'disk' is none of cpu, psi:cpu, psi:memory, psi:io, loadavg, memory, "
              "connections:LIMIT:PORT, exec:COMMAND, http://… or https://…");
}

TEST(CpuLoad, is_the_busy_part_of_the_time_between_two_looks) {
    const FakeKernel kernel;
    LoadMeter cpu = meter("cpu", kernel.paths());
    // user nice system idle iowait irq softirq steal guest
    kernel.write("proc/stat", "cpu  100 0 100 800 0 0 0 0 50 0\ncpu0 1 1 1 1\n");
    EXPECT_EQ(cpu.measure(kStart, 1s)->utilisation, std::nullopt) << "the first look";
    kernel.write("proc/stat", "cpu  120 5 110 850 10 1 2 2 60 0\n");
    EXPECT_EQ(cpu.measure(kStart + 50ms, 1s)->utilisation, std::nullopt) << "too soon";
    EXPECT_DOUBLE_EQ(cpu.measure(kStart + 1s, 1s)->utilisation.value(), 0.4);
    EXPECT_EQ(cpu.measure(kStart + 2s, 1s)->utilisation, std::nullopt) << "no time has passed";
}

TEST(CpuLoad, in_a_container_is_measured_against_its_limit) {
    const FakeKernel kernel;
    LoadMeter cpu = meter("cpu", kernel.paths());
    kernel.write("cgroup/cpu.max", "50000 100000\n");  // half a processor
    kernel.write("cgroup/cpu.stat", "usage_usec 1000000\nuser_usec 1\n");
    EXPECT_EQ(cpu.measure(kStart, 1s)->utilisation, std::nullopt);
    kernel.write("cgroup/cpu.stat", "usage_usec 1400000\nuser_usec 1\n");
    EXPECT_NEAR(cpu.measure(kStart + 1s, 1s)->utilisation.value(), 0.8, 1e-9);
    // The limit is lifted: another scale, so a first look again.
    kernel.write("cgroup/cpu.max", "max 100000\n");
    kernel.write("proc/stat", "cpu  0 0 0 100 0 0 0 0\n");
    EXPECT_EQ(cpu.measure(kStart + 2s, 1s)->utilisation, std::nullopt);
    kernel.write("proc/stat", "cpu  50 0 0 150 0 0 0 0\n");
    EXPECT_DOUBLE_EQ(cpu.measure(kStart + 3s, 1s)->utilisation.value(), 0.5);
}

TEST(CpuLoad, of_this_machine_is_from_0_to_1) {
    LoadMeter cpu = meter("cpu");
    ASSERT_TRUE(cpu.measure(kStart, 1s));
    EXPECT_FALSE(cpu.measure(kStart, 1s)->utilisation);
}

TEST(KernelLoad, is_read_from_proc) {
    const FakeKernel kernel;
    kernel.write("proc/pressure/io",
                 "some avg10=12.50 avg60=1.00 avg300=0.00 total=9\nfull avg10=3.00 avg60=0 …\n");
    kernel.write("proc/meminfo", "MemTotal:  1000 kB\nMemFree: 100 kB\nMemAvailable:  250 kB\n");
    EXPECT_DOUBLE_EQ(meter("psi:io", kernel.paths()).measure(kStart, 1s)->utilisation.value(),
                     0.125);
    EXPECT_DOUBLE_EQ(meter("memory", kernel.paths()).measure(kStart, 1s)->utilisation.value(),
                     0.75);
    EXPECT_DOUBLE_EQ(parse_load_average("3.00 2.00 1.00 1/100 4711\n", 4).value(), 0.75);
    EXPECT_TRUE(meter("loadavg").measure(kStart, 1s)->utilisation);
}

TEST(KernelLoad, that_the_kernel_does_not_show_says_what_it_needs) {
    const FakeKernel kernel;
    const auto pressure = meter("psi:cpu", kernel.paths()).measure(kStart, 1s);
    ASSERT_FALSE(pressure);
    EXPECT_TRUE(pressure.error().message.contains("CONFIG_PSI")) << pressure.error().message;
    EXPECT_FALSE(meter("cpu", kernel.paths()).measure(kStart, 1s));
    kernel.write("proc/stat", "intr 1 2 3\n");
    EXPECT_EQ(meter("cpu", kernel.paths()).measure(kStart, 1s).error().kind, ErrorKind::bad_input);
    EXPECT_FALSE(parse_memory("MemTotal: 1000 kB\n"));  // before Linux 3.14
    EXPECT_FALSE(parse_pressure("full avg10=1.00\n"));
    EXPECT_FALSE(parse_load_average("", 1));
}

TEST(ConnectionsLoad, is_the_number_over_the_limit) {
    const auto listener = http::listen_tcp("127.0.0.1:0").value();
    const auto text = "connections:2:" + std::to_string(http::local_port(listener));
    EXPECT_EQ(meter(text).measure(kStart, 1s)->utilisation, 0);
}

TEST(ToldLoad, is_a_part_a_percentage_or_json) {
    EXPECT_EQ(parse_told_load("0.7\n")->utilisation, 0.7);
    EXPECT_EQ(parse_told_load(" 75% \r\nand more\n")->utilisation, 0.75);
    EXPECT_EQ(parse_told_load("1")->utilisation, 1);
    EXPECT_EQ(parse_told_load("1.3")->utilisation, 1.3);
    EXPECT_EQ(parse_told_load("130%")->utilisation, 1.3);
    EXPECT_EQ(
        parse_told_load(R"({"utilisation":0.7,"requests":12345,"errors":2,"name":"x"})").value(),
        (LoadSample{.utilisation = 0.7, .requests = 12345, .errors = 2}));
    EXPECT_EQ(parse_told_load("\n{\"requests\":1.5e3}").value(),
              (LoadSample{.utilisation = {}, .requests = 1500, .errors = {}}));
}

TEST(ToldLoad, that_is_none_is_refused) {
    for (const char* text : {"",
                             "\n0.5",
                             "75",
                             "-0.5",
                             "-0",
                             "1e3",
                             "nan",
                             "inf",
                             "0,5",
                             "%",
                             "load",
                             "2000%",
                             "10.5",
                             "{",
                             "[0.5]",
                             "{}",
                             R"({"utilisation":"0.7"})",
                             R"({"utilisation":-1})",
                             R"({"utilisation":75})",
                             R"({"requests":-1})",
                             R"({"requests":"1"})",
                             R"({"requests":1e300})"}) {
        const auto told = parse_told_load(text);
        ASSERT_FALSE(told) << text;
        EXPECT_EQ(told.error().kind, ErrorKind::bad_input) << text;
    }
    EXPECT_EQ(parse_told_load("75").error().message,
              "load '75' may be meant as a percentage or not: write 75% or 75.0");
}

TEST(CommandLoad, is_the_first_line_of_its_output) {
    EXPECT_EQ(meter("exec:echo 42%; echo more").measure(kStart, 5s)->utilisation, 0.42);
    EXPECT_EQ(meter("exec:exit 3").measure(kStart, 5s).error().message,
              "load source 'exec:exit 3' ended with 3");
    EXPECT_EQ(meter("exec:echo none").measure(kStart, 5s).error().kind, ErrorKind::bad_input);
    EXPECT_EQ(meter("exec:sleep 60").measure(kStart, 50ms).error().kind, ErrorKind::timeout);
    EXPECT_EQ(meter("exec:yes | head -c 2000").measure(kStart, 5s).error().kind,
              ErrorKind::bad_input);
}

TEST(UrlLoad, is_the_body_of_the_answer) {
    const FakeHttpService service{[](const http::Request& request) {
        if (request.target == "/load?full") {
            return http::Response{.body = R"({"utilisation":0.7,"requests":12345})"};
        }
        return http::Response{.status = 503};
    }};
    const auto full = meter(service.url() + "/load?full").measure(kStart, 5s);
    ASSERT_TRUE(full) << full.error().message;
    EXPECT_EQ(full.value(), (LoadSample{.utilisation = 0.7, .requests = 12345, .errors = {}}));
    const auto failing = meter(service.url() + "/other?secret").measure(kStart, 5s);
    ASSERT_FALSE(failing);
    EXPECT_EQ(failing.error().message,
              "load source " + service.url() + "/other answers 503, not 200");
}

TEST(WorstOf, takes_the_largest_utilisation_and_the_first_counters) {
    const std::array samples{
        LoadSample{.utilisation = 0.2, .requests = {}, .errors = 9},
        LoadSample{.utilisation = 0.9, .requests = 5, .errors = 1},
        LoadSample{.utilisation = {}, .requests = 7, .errors = 2},
    };
    EXPECT_EQ(worst_of(samples), (LoadSample{.utilisation = 0.9, .requests = 5, .errors = 1}));
    EXPECT_EQ(worst_of({}), LoadSample{});
}

}  // namespace
}  // namespace rota::instance
