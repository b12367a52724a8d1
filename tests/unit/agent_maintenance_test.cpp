#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <variant>

#include <gtest/gtest.h>

#include "rota/agent/absence.h"
#include "rota/agent/lifecycle.h"
#include "rota/agent/maintenance.h"
#include "rota/base/clock.h"
#include "rota/base/time_format.h"
#include "rota/instance/drain_file.h"

namespace rota::agent {
namespace {

using namespace std::chrono_literals;
using instance::DrainOrder;
using instance::Moment;

class MaintenanceOrder : public ::testing::Test {
protected:
    MaintenanceOrder() {
        std::string name = (std::filesystem::temp_directory_path() / "rota-order-XXXXXX").string();
        directory = ::mkdtemp(name.data());
        path = directory + "/drain";
    }

    ~MaintenanceOrder() override { std::filesystem::remove_all(directory); }

    [[nodiscard]] bool is_there() const { return std::filesystem::exists(path); }

    /// So much later, on a clock that has been set since.
    [[nodiscard]] Moment after(std::chrono::minutes passed, std::chrono::hours step = {}) const {
        return {.boot = start.boot,
                .steady = start.steady + passed,
                .wall = start.wall + passed + step};
    }

    std::string directory;
    std::string path;
    const Moment start{.boot = "this-boot",
                       .steady = BootTime{1h},
                       .wall = parse_rfc3339("2026-11-22T12:00:00Z").value()};
};

DrainOrder half_an_hour(const Moment& now) {
    DrainOrder order{.reason = "kernel upgrade"};
    instance::end_after(order, 30min, now);
    return order;
}

TEST_F(MaintenanceOrder, that_is_read_again_after_a_step_goes_on) {
    Maintenance maintenance{path};
    ASSERT_TRUE(maintenance.order(half_an_hour(start)));
    const auto taken = maintenance.refresh(start);
    ASSERT_TRUE(taken);
    EXPECT_EQ(std::get<WentAbsent>(*taken).absence.ends, start.steady + 30min);
    for (const auto step : {1h, -1h}) {
        EXPECT_FALSE(maintenance.refresh(after(20min, step)));
        EXPECT_TRUE(maintenance.is_ordered() && is_there());
    }
    const auto over = maintenance.refresh(after(30min, -1h));
    ASSERT_TRUE(over);
    EXPECT_EQ(std::get<CameBack>(*over).reason, Reason::maintenance);
    EXPECT_FALSE(maintenance.is_ordered() || is_there());
}

TEST_F(MaintenanceOrder, that_another_agent_of_this_boot_has_taken_ends_when_it_would_have) {
    ASSERT_TRUE(Maintenance{path}.order(half_an_hour(start)));
    for (const auto step : {1h, -1h}) {
        Maintenance restarted{path};
        const auto taken = restarted.refresh(after(20min, step));
        ASSERT_TRUE(taken);
        const Absence& absence = std::get<WentAbsent>(*taken).absence;
        EXPECT_EQ(absence.ends, start.steady + 30min);
        // What an operator reads is the time by the clock as it is now.
        EXPECT_EQ(absence.text, step == 1h ? "kernel upgrade, until 2026-11-22T13:30:00Z"
                                           : "kernel upgrade, until 2026-11-22T11:30:00Z");
    }
}

TEST_F(MaintenanceOrder, that_is_older_than_the_boot_ends_by_the_wall_clock) {
    ASSERT_TRUE(Maintenance{path}.order(half_an_hour(start)));
    Moment now = after(20min);
    now.boot = "next-boot";
    now.steady = BootTime{1min};
    Maintenance rebooted{path};
    const auto taken = rebooted.refresh(now);
    ASSERT_TRUE(taken);
    EXPECT_EQ(std::get<WentAbsent>(*taken).absence.ends, now.steady + 10min);
    now.wall += 10min;
    EXPECT_FALSE(Maintenance{path}.refresh(now));
    EXPECT_FALSE(is_there());
}

}  // namespace
}  // namespace rota::agent
