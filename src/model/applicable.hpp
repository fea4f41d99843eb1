// Applicable state: desired state resolved for one agent. Nothing optional is left but "no model at all".
#pragma once
#include "base/ids.hpp"
#include "model/desired.hpp"

#include <boost/describe/class.hpp>

#include <optional>
#include <string>

namespace paddler {

struct applicable_model {
  std::string name;          // what clients put in "model"
  model_reference reference; // where the file comes from
  std::string chat_template; // empty: the template inside the model file
  model_parameters parameters;
  int slots = 0;              // requests served at the same time
  int max_context_length = 0; // tokens per slot
  friend bool operator==(applicable_model const&, applicable_model const&) = default;
};

struct applicable_state {
  generation version; // the revision that last changed this agent's content
  std::optional<applicable_model> model;
  friend bool operator==(applicable_state const&, applicable_state const&) = default;
};

BOOST_DESCRIBE_STRUCT(applicable_model, (), (name, reference, chat_template, parameters, slots, max_context_length))
BOOST_DESCRIBE_STRUCT(applicable_state, (), (version, model))

} // namespace paddler
