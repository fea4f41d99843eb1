#include "core/balancer_core.hpp"

#include "core/state/field_map.hpp"

namespace paddler {

// One call of `apply`: an overload for each event, which appends to `out`.
struct balancer_core::handler {
  balancer_core& core;
  instant now;
  balancer_effects out;

  void operator()(link_greeted const& e) {
    auto [effects, accepted] = core.agents_.hello(e.link, e.hello, core.desired_.applicable(e.hello.agent), now);
    add(std::move(effects));
    if (accepted) discover(e.hello);
  }

  void operator()(link_spoke const& e) { add(core.agents_.heard(e.link, e.message, now)); }

  void operator()(link_closed const& e) { add(core.agents_.closed(e.link, now.mono)); }

  void operator()(desired_submitted const& e) {
    auto record = core.desired_.check(e.change, now.wall);
    if (!record) {
      out.emplace_back(answer_command{e.command, std::unexpected(record.error())});
      return;
    }
    if (*record) change(**record);
    out.emplace_back(answer_command{e.command, core.desired_.current()});
  }

  void operator()(request_arrived const& e) { add(core.dispatch_.arrived(e.request, now.mono, now.wall)); }

  void operator()(request_left const& e) { add(core.dispatch_.client_gone(e.id, now.wall)); }

  void operator()(slot_arrived const& e) {
    if (!core.agents_.is_connected(e.slot.agent, e.slot.process))
      out.emplace_back(drop_slot{e.slot.serial, "no link of this agent process is open"});
    else
      add(core.dispatch_.slot_opened(e.slot, now.mono));
  }

  void operator()(slot_left const& e) { core.dispatch_.slot_closed(e.serial); }

  void operator()(attempt_sent const& e) { core.dispatch_.sent(e.id, e.number); }

  void operator()(attempt_first_byte const& e) { core.dispatch_.first_byte(e.id, e.number); }

  void operator()(attempt_ended const& e) { add(core.dispatch_.ended(e.id, e.number, e.outcome, now.mono, now.wall)); }

  void operator()(time_passed const&) {
    add(core.agents_.tick(now.mono));
    add(core.dispatch_.expire(now.mono, now.wall));
  }

  void operator()(stop_requested const&) { add(core.dispatch_.shut_down(now.wall)); }

  // What an agent says of itself is a source of desired state like any other, of the lowest priority. An agent that
  // says nothing releases what it said before.
  void discover(link_hello const& hello) {
    desired_change wanted{.source = {source_kind::discovery, hello.agent.value},
                          .document = {},
                          .if_match = {},
                          .origin = {hello.agent.value, "link"}};
    if (hello.discovered) {
      wanted.document.agents.push_back(*hello.discovered);
      wanted.document.agents.back().id = hello.agent;
    }
    auto record = core.desired_.check(wanted, now.wall);
    if (!record)
      add(core.agents_.notify(hello.agent, describe(record.error())));
    else if (*record)
      change(**record);
  }

  void change(log_record const& record) {
    out.emplace_back(persist_record{record});
    auto const news = core.desired_.apply(record);
    if (news.names_changed) {
      auto const names = core.desired_.served_names();
      add(core.dispatch_.set_models({names.begin(), names.end()}, now.mono, now.wall));
    }
    for (auto const& agent : news.agents) deliver(agent);
    for (auto const& loss : news.losses) tell(loss);
  }

  // The loser of a conflict is told, once: an agent on its link, everybody else by the shell.
  void tell(lost_field const& loss) {
    if (loss.lost.source.kind == source_kind::discovery)
      add(core.agents_.notify({loss.lost.source.name}, describe(loss)));
    else
      out.emplace_back(tell_loser{loss});
  }

  void deliver(agent_id const& agent) { add(core.agents_.deliver(agent, core.desired_.applicable(agent), now)); }

  void add(link_effects effects) {
    for (auto& effect : effects) {
      if (auto* send = std::get_if<send_to_agent>(&effect))
        out.emplace_back(std::move(*send));
      else if (auto* close = std::get_if<close_link>(&effect))
        out.emplace_back(std::move(*close));
      else if (auto* lost = std::get_if<agent_lost>(&effect))
        out.emplace_back(drop_slots{lost->agent, lost->process});
      else if (auto const* due = std::get_if<delivery_due>(&effect))
        deliver(due->agent);
    }
  }

  void add(dispatch_decisions decisions) {
    for (auto& decision : decisions) {
      if (auto* run = std::get_if<run_request>(&decision))
        out.emplace_back(std::move(*run));
      else
        out.emplace_back(std::get<fail_request>(decision));
    }
  }
};

void balancer_core::restore(std::span<log_record const> log) {
  for (auto const& record : log) desired_.apply(record);
  auto const names = desired_.served_names();
  dispatch_.set_models({names.begin(), names.end()}, {}, {});
}

balancer_effects balancer_core::apply(balancer_event const& event, instant now) {
  handler handle{*this, now, {}};
  std::visit(handle, event);
  return std::move(handle.out);
}

std::optional<mono_time> balancer_core::next_deadline() const {
  auto const a = agents_.next_deadline();
  auto const b = dispatch_.next_deadline();
  if (a && b) return std::min(*a, *b);
  return a ? a : b;
}

} // namespace paddler
