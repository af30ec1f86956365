// A Monte Carlo of charged particles in a doublet of quadrupoles, with derivatives of its own.
//
// It knows nothing of Daedalus: it reads a request (JSON) from the file named first and writes an answer (JSON) into
// the file named second. Asked for a gradient, it computes with dual numbers, so that every result comes with its
// exact derivatives with respect to the four parameters (forward-mode automatic differentiation).
//
// Layout, along s:  source | drift_1 | lens 1, focuses x | drift_2 | lens 2, focuses y | drift | screen at 8 m
//
// Lenses are thick, with hard edges. Inside, x'' + k/(1 + delta) x = 0 and y'' - k/(1 + delta) y = 0 are solved
// exactly; delta is the particle's relative deviation in momentum, which makes the focus chromatic.

#include <array>
#include <cmath>
#include <fstream>
#include <iostream>
#include <iterator>
#include <random>
#include <stdexcept>
#include <string>

constexpr double screen = 8.0;          // place of the screen [m]
constexpr double length = 0.4;          // of each lens [m]
constexpr double bore = 0.05;           // radius of the lenses' opening [m]
constexpr double spot_at_source = 1e-3; // standard deviation in x and in y [m]
constexpr double divergence = 2e-3;     // standard deviation of both angles [rad]
constexpr double spread = 0.01;         // standard deviation of delta

constexpr std::array<const char *, 4> names = {"k1", "k2", "drift_1", "drift_2"};

// ---- dual numbers: a value and its derivatives

struct Dual {
  double value = 0;
  std::array<double, names.size()> slope{};
  Dual() = default;
  Dual(double v) : value(v) {}
};

// f(a, b), from its value and its partial derivatives
Dual chain(double value, const Dual &a, double per_a, const Dual &b = {}, double per_b = 0) {
  Dual result(value);
  for (std::size_t i = 0; i < names.size(); ++i) result.slope[i] = per_a * a.slope[i] + per_b * b.slope[i];
  return result;
}

Dual operator+(const Dual &a, const Dual &b) { return chain(a.value + b.value, a, 1, b, 1); }
Dual operator-(const Dual &a, const Dual &b) { return chain(a.value - b.value, a, 1, b, -1); }
Dual operator*(const Dual &a, const Dual &b) { return chain(a.value * b.value, a, b.value, b, a.value); }
Dual operator/(const Dual &a, const Dual &b) {
  return chain(a.value / b.value, a, 1 / b.value, b, -a.value / (b.value * b.value));
}
Dual sqrt(const Dual &a) { return chain(std::sqrt(a.value), a, 0.5 / std::sqrt(a.value)); }
Dual sin(const Dual &a) { return chain(std::sin(a.value), a, std::cos(a.value)); }
Dual cos(const Dual &a) { return chain(std::cos(a.value), a, -std::sin(a.value)); }
Dual sinh(const Dual &a) { return chain(std::sinh(a.value), a, std::cosh(a.value)); }
Dual cosh(const Dual &a) { return chain(std::cosh(a.value), a, std::sinh(a.value)); }
double number(const Dual &a) { return a.value; }
double number(double a) { return a; }

// ---- the physics, for plain and for dual numbers

template <class T> struct Ray {
  T x, slope; // place [m] and angle [rad] in one plane
};

template <class T> Ray<T> drift(const Ray<T> &in, const T &distance) { return {in.x + distance * in.slope, in.slope}; }

template <class T> Ray<T> focused(const Ray<T> &in, const T &strength) { // [1/m2]
  using std::cos, std::sin, std::sqrt;
  const T root = sqrt(strength), phase = root * T(length);
  return {in.x * cos(phase) + in.slope * sin(phase) / root, in.slope * cos(phase) - in.x * root * sin(phase)};
}

template <class T> Ray<T> defocused(const Ray<T> &in, const T &strength) {
  using std::cosh, std::sinh, std::sqrt;
  const T root = sqrt(strength), phase = root * T(length);
  return {in.x * cosh(phase) + in.slope * sinh(phase) / root, in.slope * cosh(phase) + in.x * root * sinh(phase)};
}

struct Result {
  Dual spot;        // root mean square distance from the axis on the screen [m]
  double error = 0; // its standard error [m]
  double lost = 0;  // share of the particles that do not pass the bore
};

template <class T> Result simulated(const std::array<T, names.size()> &p, long events, unsigned long seed) {
  const auto &[k1, k2, drift_1, drift_2] = p;
  const T rest = T(screen - 2 * length) - drift_1 - drift_2;
  if (number(rest) < 0) throw std::runtime_error("the second lens stands behind the screen");
  std::mt19937_64 engine(seed);
  std::normal_distribution<double> normal;
  T sum(0);
  double squares = 0, lost = 0;
  for (long n = 0; n < events; ++n) {
    Ray<T> x{T(spot_at_source * normal(engine)), T(divergence * normal(engine))};
    Ray<T> y{T(spot_at_source * normal(engine)), T(divergence * normal(engine))};
    const T stiffness(1 + spread * normal(engine));
    bool inside = true;
    const auto check = [&] { inside = inside && std::hypot(number(x.x), number(y.x)) < bore; };
    x = drift(x, drift_1), y = drift(y, drift_1), check();
    x = focused(x, k1 / stiffness), y = defocused(y, k1 / stiffness), check();
    x = drift(x, drift_2), y = drift(y, drift_2), check();
    x = defocused(x, k2 / stiffness), y = focused(y, k2 / stiffness), check();
    x = drift(x, rest), y = drift(y, rest);
    const T square = x.x * x.x + y.x * y.x;
    sum = sum + square;
    squares += number(square) * number(square);
    lost += inside ? 0 : 1;
  }
  using std::sqrt;
  const T mean = sum / T(double(events)), spot = sqrt(mean);
  const double variance = squares / events - number(mean) * number(mean);
  return {Dual(spot), std::sqrt(variance / events) / (2 * number(spot)), lost / events};
}

// ---- files

double entry(const std::string &text, const std::string &name) { // a number in flat or nested JSON, by its name
  const auto place = text.find('"' + name + '"');
  if (place == std::string::npos) throw std::runtime_error("the request lacks " + name);
  return std::stod(text.substr(text.find(':', place) + 1));
}

int main(int count, char **arguments) try {
  if (count != 3) throw std::runtime_error("usage: quadrupoles REQUEST ANSWER");
  std::ifstream file(arguments[1]);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  const bool gradient = text.find("\"gradient\": true") != std::string::npos;
  const long events = std::lround(entry(text, "events"));
  const auto seed = static_cast<unsigned long>(entry(text, "seed"));
  std::array<double, names.size()> plain;
  std::array<Dual, names.size()> dual;
  for (std::size_t i = 0; i < names.size(); ++i) {
    plain[i] = entry(text, names[i]);
    dual[i] = Dual(plain[i]);
    dual[i].slope[i] = 1;
  }
  const Result found = gradient ? simulated(dual, events, seed) : simulated(plain, events, seed);
  std::ofstream answer(arguments[2]);
  answer.precision(17);
  answer << "{\"values\": {\"spot\": " << found.spot.value << ", \"lost\": " << found.lost << "},\n"
         << " \"errors\": {\"spot\": " << found.error << "}";
  if (gradient) {
    answer << ",\n \"derivatives\": {\"spot\": {";
    for (std::size_t i = 0; i < names.size(); ++i)
      answer << (i ? ", \"" : "\"") << names[i] << "\": " << found.spot.slope[i];
    answer << "}}";
  }
  answer << "}\n";
  return 0;
} catch (const std::exception &cause) {
  std::cerr << cause.what() << '\n';
  return 1;
}
