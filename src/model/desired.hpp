// Desired state: what operators want, as values. Fields are optional because each source sets only some of them;
// what no source sets gets its default in the applicable layer (core/state/applicable.hpp).
#pragma once
#include "base/ids.hpp"
#include "model/policies.hpp"

#include <boost/describe/class.hpp>
#include <boost/describe/enum.hpp>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace paddler {

// Where a model comes from.
enum class model_source { huggingface, local, url };

// One model file. Which fields are needed depends on `source`: local wants `path`, huggingface `model_id`, url `url`.
struct model_reference {
  std::optional<model_source> source;
  std::optional<std::string> model_id;     // huggingface: ORGANISATION/REPOSITORY
  std::optional<std::string> revision;     // huggingface: branch, tag or commit
  std::optional<std::string> file;         // huggingface: one file of the repository
  std::optional<std::string> quantization; // huggingface: as in "Q8_0", picks a file
  std::optional<std::string> path;         // local: absolute path on the agent's machine
  std::optional<std::string> url;
  friend bool operator==(model_reference const&, model_reference const&) = default;
};

// One agents[] entry.
struct agent_spec {
  agent_id id;
  std::optional<model_reference> desired_model;
  std::optional<std::string> model;      // which models[] entry; may be left out where there is one
  std::optional<int> slots;              // requests served at the same time
  std::optional<int> max_context_length; // tokens per slot
  std::optional<bool> drain;             // it gets nothing new, and becomes empty
  std::optional<int> drain_seconds;      // that what runs there may stay before it moves
  friend bool operator==(agent_spec const&, agent_spec const&) = default;
};

// Sampling defaults: used where a request names none.
struct model_parameters {
  std::optional<double> temperature;
  std::optional<double> top_p;
  std::optional<int> top_k;
  std::optional<double> min_p;
  std::optional<double> repeat_penalty;
  std::optional<double> presence_penalty;
  std::optional<double> frequency_penalty;
  std::optional<int> max_tokens;
  std::optional<std::int64_t> seed;
  friend bool operator==(model_parameters const&, model_parameters const&) = default;
};

// One models[] entry.
struct model_spec {
  model_id id;                              // what clients put in "model"
  std::optional<std::string> chat_template; // Jinja; left out: the template inside the model file
  std::optional<model_parameters> parameters;
  friend bool operator==(model_spec const&, model_spec const&) = default;
};

// What one source says, or what all of them say together.
struct desired_document {
  std::vector<agent_spec> agents;
  std::vector<model_spec> models;
  policies_spec policies = {};
  friend bool operator==(desired_document const&, desired_document const&) = default;
};

// The kinds of source in order of priority: a lower value wins.
enum class source_kind { api = 1, file = 2, discovery = 3 };

// One source: the API, one configuration file (`name` is its path) or one agent (`name` is its id).
struct source_id {
  source_kind kind = source_kind::api;
  std::string name;
  friend auto operator<=>(source_id const&, source_id const&) = default;
};

// Every source's document. The map's order is the order of priority.
using desired_layers = std::map<source_id, desired_document>;

BOOST_DESCRIBE_ENUM(model_source, huggingface, local, url)
BOOST_DESCRIBE_ENUM(source_kind, api, file, discovery)
BOOST_DESCRIBE_STRUCT(model_reference, (), (source, model_id, revision, file, quantization, path, url))
BOOST_DESCRIBE_STRUCT(agent_spec, (), (id, desired_model, model, slots, max_context_length, drain, drain_seconds))
BOOST_DESCRIBE_STRUCT(model_parameters, (),
                      (temperature, top_p, top_k, min_p, repeat_penalty, presence_penalty, frequency_penalty,
                       max_tokens, seed))
BOOST_DESCRIBE_STRUCT(model_spec, (), (id, chat_template, parameters))
BOOST_DESCRIBE_STRUCT(desired_document, (), (agents, models, policies))
BOOST_DESCRIBE_STRUCT(source_id, (), (kind, name))

} // namespace paddler
