// The part of a dispatcher's policy that operators may set while it runs, under the names of the desired document. What
// no source sets stays as the balancer was started. Pure.
#pragma once
#include "core/dispatch/dispatcher.hpp"
#include "model/policies.hpp"

namespace paddler {

// All of them; of limits those that there are.
policies_spec settings_of(dispatch_policy const& policy);

// The policy with what is set in its place: settings_of(with_settings(p, s)) is s where s is set, else settings_of(p).
dispatch_policy with_settings(dispatch_policy policy, policies_spec const& settings);

} // namespace paddler
