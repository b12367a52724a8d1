#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "rota/base/clock.h"
#include "rota/base/error.h"
#include "rota/base/fd.h"

// An operator's file: while it is there, the instance is to be out of its rotas. `touch` makes one;
// `rota drain` has the agent write one, so that a drain outlives the agent.
namespace rota::instance {

/// A moment on the clock that never steps, which says nothing to another boot of the machine.
struct BootEnd {
    std::string boot;
    BootTime end;

    friend bool operator==(const BootEnd&, const BootEnd&) = default;
};

struct DrainOrder {
    std::optional<WallTime> until;    ///< empty: until the file is removed
    std::optional<BootEnd> boot_end;  ///< the same moment, whatever becomes of the wall clock
    bool takes_last = false;          ///< out even as the last member
    std::string reason;

    friend bool operator==(const DrainOrder&, const DrainOrder&) = default;
};

/// What a machine's clocks say at once.
struct Moment {
    std::string boot;  ///< as this_boot() tells it
    BootTime steady;
    WallTime wall;
};

/// Of this machine, now.
Moment this_moment();

/// Has the order end so long after `now`, or in 100 years where that is sooner.
void end_after(DrainOrder& order, std::chrono::seconds length, const Moment& now);

/// An order's end on the clocks of one moment.
struct DrainEnd {
    BootTime steady;
    WallTime wall;
};

/// When the order ends by itself: by the clock that never steps in the boot that the order was
/// written in, by the wall clock in any other and where only `until` is told. What is more than a
/// century away is a century away. @returns nothing where it does not end by itself.
std::optional<DrainEnd> end_of(const DrainOrder& order, const Moment& now);

/// Reads lines `until=2026-11-22T23:00:00Z`, `boot=BOOT SECONDS UNTIL`, `last=remove` and
/// `reason=TEXT`; every other line is taken for a reason. `boot=` counts only for the `until` that
/// it repeats, so that whoever changes that one need not know of it. Never fails: whoever made the
/// file wants the instance out.
DrainOrder parse_drain_order(std::string_view text);

/// The text that parse_drain_order reads back, in whole seconds. A line break in the reason becomes
/// a space.
std::string to_text(const DrainOrder& order);

/// Nothing when there is no file. @errors io, permission: names the file.
Result<std::optional<DrainOrder>> read_drain_file(const std::string& path);

/// Replaces the file whole, and makes its directory (0755) when that is missing.
/// @errors io, permission: names the file, its draft (replace_file) or its directory.
Status write_drain_file(const std::string& path, const DrainOrder& order);

/// One that is not there is removed already. @errors io, permission: names the file.
Status remove_drain_file(const std::string& path);

/// Tells of changes in the directory of a file by inotify.
class DirectoryWatch {
public:
    /// Makes the directory (0755) when it is missing. @errors io, permission: names the directory.
    static Result<DirectoryWatch> open(const std::string& file);

    /// Readable when something in the directory has changed.
    [[nodiscard]] int descriptor() const noexcept { return inotify_.get(); }

    /// Forgets what has been told.
    void clear() const;

private:
    explicit DirectoryWatch(Fd inotify) : inotify_{std::move(inotify)} {}

    Fd inotify_;
};

}  // namespace rota::instance
