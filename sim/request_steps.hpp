// The way of a request, judged by design.md section 5 and by nothing of the product's.
#pragma once
#include "model/request.hpp"

#include <string>

namespace paddler_sim {

using namespace paddler;

// What is wrong with it; empty: nothing. Times may only go backwards where clocks are stepped.
std::string judge_steps(request_record const& request, bool clocks_step);

} // namespace paddler_sim
