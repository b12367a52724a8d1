#pragma once

#include <chrono>

namespace rota::lab {

/// How many requests a second the clients make: low, a climb, a plateau, a fall, low again; one
/// such wave a period.
struct LoadCurve {
    double low = 0;
    double high = 0;
    std::chrono::duration<double> period{60};
};

/// The height of the wave at `phase` of its period: 0 to 1, continuous, 0 at both ends. Only the
/// fraction of `phase` counts.
double wave(double phase) noexcept;

/// Requests a second after `elapsed` of the run.
double load_at(const LoadCurve& curve, std::chrono::duration<double> elapsed) noexcept;

/// The shortest wave that leaves a group time to grow and to shrink, when one member takes `drain`
/// to leave: the caches have to follow.
std::chrono::duration<double> shortest_wave(std::chrono::duration<double> drain) noexcept;

/// The curve for a run of `duration`: as many waves as fit, at least one.
/// @param drain  how long one member takes to leave.
LoadCurve fit_curve(double low, double high, std::chrono::duration<double> duration,
                    std::chrono::duration<double> drain) noexcept;

}  // namespace rota::lab
