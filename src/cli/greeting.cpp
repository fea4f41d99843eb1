#include "cli/greeting.hpp"

#include <string_view>

namespace paddler {
namespace {

constexpr std::string_view usual_inference = "127.0.0.1:8061";
constexpr std::string_view usual_management = "127.0.0.1:8060";

// What a command needs that is to find a balancer elsewhere than where it looks by itself.
std::string flag_for(std::string_view flag, std::string const& address, std::string_view usual) {
  return address == usual ? "" : " " + std::string(flag) + " " + url_of(address).substr(7);
}

} // namespace

std::string url_of(std::string const& address) {
  auto const colon = address.rfind(':');
  auto const host = address.substr(0, colon);
  if (host == "0.0.0.0") return "http://127.0.0.1" + address.substr(colon);
  if (host == "[::]") return "http://[::1]" + address.substr(colon);
  return "http://" + address;
}

std::string print_balancer_greeting(balancer_addresses const& at) {
  return "OpenAI API  " + url_of(at.inference) + "/v1\n" + "management  " + url_of(at.management) + "\n" +
         "agents      paddler agent --balancer " + at.management + "\n";
}

std::string print_up_greeting(up_facts const& facts) {
  return "paddler " + facts.version + "\n" + "OpenAI API  " + url_of(facts.at.inference) + "/v1\n" + "management  " +
         url_of(facts.at.management) + "\n" + "agent       " + facts.agent + ": " + facts.machine + "\n" +
         "state       " + facts.state_directory + "\n";
}

std::string print_model_greeting(model_facts const& model, balancer_addresses const& at) {
  return "model       " + model.name + ", " + std::to_string(model.slots) + (model.slots == 1 ? " slot" : " slots") +
         ", ready after " + model.load_time +
         "\n"
         "\n"
         "Try, in another terminal:\n"
         "  paddler chat" +
         flag_for("--inference", at.inference, usual_inference) +
         " \"What is a slot?\"\n"
         "  paddler get slots" +
         flag_for("--management", at.management, usual_management) +
         "\n"
         "  curl " +
         url_of(at.inference) +
         "/v1/chat/completions -H 'Content-Type: application/json' \\\n"
         "    -d '{\"model\": \"" +
         model.name +
         "\", \"messages\": [{\"role\": \"user\", \"content\": \"Hello!\"}]}'\n"
         "\n"
         "Ctrl-C stops it, once running requests are done.\n";
}

std::string print_no_model(balancer_addresses const& at) {
  return "model       none yet\n"
         "\n"
         "Give it one: start again with\n"
         "  paddler up --model FILE.gguf\n"
         "or say which agents serve what, now:\n"
         "  paddler apply -f FILE.yaml" +
         flag_for("--management", at.management, usual_management) + "\n";
}

} // namespace paddler
