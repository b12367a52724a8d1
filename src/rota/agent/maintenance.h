#pragma once

#include <optional>
#include <string>

#include "rota/agent/lifecycle.h"
#include "rota/base/error.h"
#include "rota/instance/drain_file.h"

namespace rota::agent {

/// The operator's drain file, followed for the loop: what changes in it becomes an event.
class Maintenance {
public:
    /// Watches the file's directory. Where that cannot be done the log says so once, and only
    /// `rota drain` works.
    explicit Maintenance(std::string path);

    /// To poll for reading; -1 when nothing is watched.
    [[nodiscard]] int descriptor() const noexcept;

    /// Reads the file again, at that moment, and removes it when its time is over by then.
    /// @returns what has changed; nothing when nothing has.
    std::optional<Event> refresh(const instance::Moment& now);

    /// To be called when the absence has ended by itself: removes the file.
    void expire();

    [[nodiscard]] bool is_ordered() const noexcept { return order_.has_value(); }

    /// Writes the file. @errors io, permission: names it.
    Status order(const instance::DrainOrder& order);

    /// Removes the file. @errors io, permission: names it.
    Status cancel();

private:
    void remove();

    std::string path_;
    std::optional<instance::DirectoryWatch> watch_;
    std::optional<instance::DrainOrder> order_;
};

}  // namespace rota::agent
