// Logarithm and exponential that give the same bits on every machine: a learned state and an
// estimate must not depend on whose libm computed them. Only +, -, *, / on doubles, which IEEE 754
// fixes (the build forbids contraction to fused operations). Pure.
#pragma once

namespace jobward::estimator {

// Natural logarithm of a positive, finite, normal number; below 1e-300 it is that of 1e-300.
// Error below 1e-14, relative or absolute (series of atanh after reduction to [1/√2, √2]; Muller,
// Elementary Functions, 11.2).
double portable_log(double x);

// e^x; x is held to [-690, 690]. Relative error below 1e-14 (Taylor after reduction by ln 2).
double portable_exp(double x);

}  // namespace jobward::estimator
