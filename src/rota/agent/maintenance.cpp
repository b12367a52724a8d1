#include "rota/agent/maintenance.h"

#include <optional>
#include <string>
#include <utility>

#include "rota/agent/absence.h"
#include "rota/agent/lifecycle.h"
#include "rota/base/clock.h"
#include "rota/base/error.h"
#include "rota/base/log.h"
#include "rota/base/time_format.h"
#include "rota/instance/drain_file.h"

namespace rota::agent {
namespace {

using instance::DrainOrder;

Absence absence_for(const DrainOrder& order) {
    Absence absence{.reason = Reason::maintenance,
                    .guard = order.takes_last ? Guard::none : Guard::last_member,
                    .text = order.reason,
                    .ends = std::nullopt};
    if (order.until) {
        absence.ends = boot_now() + (*order.until - wall_now());
        absence.text +=
            (absence.text.empty() ? "until " : ", until ") + format_rfc3339(*order.until);
    }
    return absence;
}

bool has_passed(const std::optional<DrainOrder>& order) {
    return order && order->until && *order->until <= wall_now();
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

std::optional<Event> Maintenance::refresh() {
    if (watch_) {
        watch_->clear();
    }
    auto read = instance::read_drain_file(path_);
    if (!read) {
        log::error("cannot read the drain file: as before", {{"error", read.error().message}});
        return std::nullopt;
    }
    if (has_passed(*read)) {
        remove();
        read->reset();
    }
    if (*read == order_) {
        return std::nullopt;
    }
    order_ = std::move(*read);
    if (!order_) {
        return CameBack{Reason::maintenance};
    }
    return WentAbsent{absence_for(*order_)};
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
