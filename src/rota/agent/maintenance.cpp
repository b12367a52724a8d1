#include "rota/agent/maintenance.h"

#include <optional>
#include <string>
#include <utility>

#include "rota/agent/absence.h"
#include "rota/agent/lifecycle.h"
#include "rota/base/error.h"
#include "rota/base/log.h"
#include "rota/base/time_format.h"
#include "rota/instance/drain_file.h"

namespace rota::agent {
namespace {

using instance::DrainEnd;
using instance::DrainOrder;

Absence absence_for(const DrainOrder& order, const std::optional<DrainEnd>& end) {
    Absence absence{.reason = Reason::maintenance,
                    .guard = order.takes_last ? Guard::none : Guard::last_member,
                    .text = order.reason,
                    .ends = std::nullopt};
    if (end) {
        absence.ends = end->steady;
        absence.text += (absence.text.empty() ? "until " : ", until ") + format_rfc3339(end->wall);
    }
    return absence;
}

}  // namespace

Maintenance::Maintenance(std::string path) : path_{std::move(path)} {
    auto watch = instance::DirectoryWatch::open(path_);
    if (watch) {
        watch_ = std::move(*watch);
    } else {
        log::warning("no drain file is watched", {{"error", watch.error().message}});
    }
}

int Maintenance::descriptor() const noexcept {
    return watch_ ? watch_->descriptor() : -1;
}

std::optional<Event> Maintenance::refresh(const instance::Moment& now) {
    if (watch_) {
        watch_->clear();
    }
    auto read = instance::read_drain_file(path_);
    if (!read) {
        log::error("cannot read the drain file: as before", {{"error", read.error().message}});
        return std::nullopt;
    }
    std::optional<DrainOrder> found = std::move(*read);
    const auto end = found ? instance::end_of(*found, now) : std::nullopt;
    if (end && end->steady <= now.steady) {
        remove();
        found.reset();
    }
    if (found == order_) {
        return std::nullopt;
    }
    order_ = std::move(found);
    if (!order_) {
        return CameBack{Reason::maintenance};
    }
    return WentAbsent{absence_for(*order_, end)};
}

void Maintenance::expire() {
    order_.reset();
    remove();
}

void Maintenance::remove() {
    if (const Status removed = instance::remove_drain_file(path_); !removed) {
        log::error("cannot remove the drain file, whose time has passed",
                   {{"error", removed.error().message}});
    }
}

Status Maintenance::order(const DrainOrder& order) {
    return instance::write_drain_file(path_, order);
}

Status Maintenance::cancel() {
    return instance::remove_drain_file(path_);
}

}  // namespace rota::agent
