// What a person reads who starts something: where it is, and what to try next. Pure.
#pragma once
#include <optional>
#include <string>

namespace paddler {

// Where a started balancer listens, as HOST:PORT.
struct balancer_addresses {
  std::string inference;
  std::string management;
};

// "http://127.0.0.1:8061", also where it listens on every address.
std::string url_of(std::string const& address);

std::string print_balancer_greeting(balancer_addresses const& at);

// The first lines of `paddler up`, before the model is loaded.
struct up_facts {
  std::string version;
  std::string state_directory;
  balancer_addresses at;
  std::string agent;
  std::string machine; // "16 cores, 128GiB, NVIDIA H200"
};

std::string print_up_greeting(up_facts const& facts);

// Once the model serves.
struct model_facts {
  std::string name;
  int slots = 0;
  std::string load_time; // "0.4 s"
};

std::string print_model_greeting(model_facts const& model, balancer_addresses const& at);

// Where `up` has no model to serve.
std::string print_no_model(balancer_addresses const& at);

} // namespace paddler
