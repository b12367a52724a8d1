#include "rota/agent/measuring.h"

#include <chrono>
#include <exception>
#include <span>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "rota/agent/weighing.h"
#include "rota/base/clock.h"
#include "rota/instance/load.h"

namespace rota::agent {

LoadMeters::LoadMeters(std::span<const instance::LoadSource> sources) {
    meters_.reserve(sources.size());
    for (const instance::LoadSource& source : sources) {
        meters_.emplace_back(source);
    }
}

Measured LoadMeters::operator()(std::chrono::milliseconds timeout) {
    Measured measured;
    std::vector<instance::LoadSample> samples;
    for (instance::LoadMeter& meter : meters_) {
        try {
            auto sample = meter.measure(boot_now(), timeout);
            if (sample) {
                samples.push_back(*sample);
            } else {
                measured.problems.push_back(std::move(sample.error().message));
            }
        } catch (const std::exception& error) {  // the thread's edge
            measured.problems.push_back(
                fmt::format("load source '{}': {}", meter.source().text, error.what()));
        }
    }
    measured.load = instance::worst_of(samples);
    return measured;
}

}  // namespace rota::agent
