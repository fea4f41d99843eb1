#include "core/dispatch/request_queue.hpp"

#include <algorithm>

namespace paddler {
namespace {

constexpr int smoothing = 8; // RFC 6298, section 2: alpha is 1/8

} // namespace

void request_queue::set_limits(std::size_t max_requests, std::size_t max_bytes) {
  policy_.max_requests = max_requests;
  policy_.max_bytes = max_bytes;
  for (auto const what : {requests, bytes}) shrunk_[what] = counted(what) > limit(what);
}

bool request_queue::is_still_shrunk(measure what, std::size_t more) {
  shrunk_[what] = shrunk_[what] && (more > limit(what) || counted(what) > limit(what) - more);
  return shrunk_[what];
}

request_queue::admission request_queue::push(std::string const& model, queued_request const& request) {
  if (entries_.contains(request.serial)) return {.admitted = true, .displaced = {}};
  auto const number = lane_of(request.level);
  auto const* own = place_of(model, request.client, number);
  if (is_still_shrunk(requests, 1) || is_still_shrunk(bytes, request.bytes)) return {};
  if (!has_room(requests, 1, own, number) || !has_room(bytes, request.bytes, own, number)) return {};
  admission out{.admitted = true, .displaced = {}};
  while (counted(requests) + 1 > policy_.max_requests) {
    out.displaced.push_back(heaviest(requests, number));
    erase(out.displaced.back());
  }
  while (counted(bytes) + request.bytes > policy_.max_bytes) {
    out.displaced.push_back(heaviest(bytes, number));
    erase(out.displaced.back());
  }
  add(model, request, number, true);
  return out;
}

void request_queue::put_back(std::string const& model, queued_request const& request) {
  if (!entries_.contains(request.serial)) add(model, request, lane_of(request.level), false);
}

void request_queue::resume(std::string const& model, queued_request const& request) {
  if (!entries_.contains(request.serial)) add(model, request, resuming, false);
}

std::optional<request_serial> request_queue::pop(std::string const& model, mono_time now) {
  auto const at = models_.find(model);
  if (at == models_.end()) return std::nullopt;
  auto& from = at->second;
  auto const highest = highest_lane(from);
  auto const number = next_lane(from, highest, now);
  if (number != highest)
    from.in_order = 0;
  else if (number != resuming)
    from.in_order = std::min(from.in_order + 1, starving_turn - 1);
  auto const serial = from.by_lane[number].turns.begin()->serial;
  remove(entries_.find(serial), true);
  return serial;
}

bool request_queue::erase(request_serial serial) {
  auto const at = entries_.find(serial);
  if (at == entries_.end()) return false;
  remove(at, false);
  return true;
}

std::vector<request_serial> request_queue::expire(mono_time now) {
  auto out = deadlines_.take_due(now);
  for (auto const serial : out) erase(serial);
  return out;
}

std::vector<request_serial> request_queue::keep_only(std::function<bool(std::string const& model)> const& keeps) {
  std::vector<request_serial> out;
  for (auto const& [name, queue] : models_) {
    if (keeps(name)) continue;
    for (auto const& each : queue.by_lane) out.insert(out.end(), each.arrivals.begin(), each.arrivals.end());
  }
  std::ranges::sort(out);
  for (auto const serial : out) erase(serial);
  return out;
}

std::size_t request_queue::waiting_before(std::string const& model, client_key client, request_class level) const {
  auto const at = models_.find(model);
  if (at == models_.end()) return 0;
  auto const number = lane_of(level);
  std::size_t out = 0;
  for (lane_number above = 0; above < number; ++above) out += at->second.by_lane[above].arrivals.size();
  auto const& in = at->second.by_lane[number];
  auto const* own = place_of(model, client, number);
  auto const held = own == nullptr ? 0 : own->fresh.size() + own->returned.size();
  auto const others = in.turns.size() - (held > 0 ? 1 : 0);
  auto const rounds = held + (own != nullptr && own->tag > in.virtual_time ? 2 : 1);
  return out + std::min(in.arrivals.size(), held + others * rounds);
}

request_queue::totals request_queue::count() const {
  return {.requests = counted(requests),
          .bytes = counted(bytes),
          .resuming = resuming_,
          .clients = places_,
          .models = models_.size()};
}

std::size_t request_queue::limit(measure what) const {
  return what == requests ? policy_.max_requests : policy_.max_bytes;
}

std::size_t request_queue::counted(measure what) const {
  auto out = put_back_[what];
  for (auto const& each : fresh_) out += each.held[what];
  return out;
}

// Where a new request of the client would wait, if it has such a place.
request_queue::place const* request_queue::place_of(std::string const& model, client_key client,
                                                    lane_number number) const {
  auto const at = models_.find(model);
  if (at == models_.end()) return nullptr;
  auto const& places = at->second.by_lane[number].places;
  auto own = places.find(client);
  if (own == places.end() && places_ >= policy_.max_clients) own = places.find(client_key::others);
  return own == places.end() ? nullptr : &own->second;
}

// Whether so much more fits, or others can be displaced for it. There are always enough: were no other client of its
// class above its share and nothing left below, it would fit.
bool request_queue::has_room(measure what, std::size_t more, place const* own, lane_number number) const {
  if (more > limit(what)) return false;
  if (counted(what) <= limit(what) - more) return true;
  bool const is_first = own == nullptr || own->fresh.empty();
  auto above = put_back_[what];
  std::size_t below = 0;
  std::size_t clients = is_first ? 1 : 0;
  for (lane_number each = 0; each < lanes; ++each) {
    (each < number ? above : below) += fresh_[each].held[what];
    if (each >= number) clients += fresh_[each].places[what].size();
  }
  below -= fresh_[number].held[what];
  if (is_first && counted(what) - below <= limit(what) - more) return true;
  auto const held = own == nullptr ? 0 : own->held[what];
  return above < limit(what) && held + more <= (limit(what) - above) / clients;
}

// The newest request of the client that holds most, in the lowest class that holds any, down to that of `number`.
request_serial request_queue::heaviest(measure what, lane_number number) const {
  auto each = lanes - 1;
  while (each > number && fresh_[each].held[what] == 0) --each;
  return fresh_[each].places[what].rbegin()->second;
}

duration request_queue::starvation(lane_number number) const {
  return number == lane_of(request_class::bulk) ? policy_.bulk_starvation : policy_.normal_starvation;
}

// Something waits for every model that is known here.
request_queue::lane_number request_queue::highest_lane(model_queue const& from) {
  auto const at = std::ranges::find_if(from.by_lane, [](lane const& each) { return !each.turns.empty(); });
  return static_cast<lane_number>(at - from.by_lane.begin());
}

// The highest in which something waits; or where it is their turn, of those below it that starve, the one that has for
// longest.
request_queue::lane_number request_queue::next_lane(model_queue const& from, lane_number highest, mono_time now) const {
  if (highest == resuming || from.in_order < starving_turn - 1) return highest;
  auto out = highest;
  auto longest = now;
  for (auto each = highest + 1; each < lanes; ++each) {
    auto const& arrivals = from.by_lane[each].arrivals;
    if (arrivals.empty()) continue;
    auto const since = entries_.at(*arrivals.begin()).arrived + starvation(each);
    if (since > longest || (since == longest && out != highest)) continue;
    longest = since;
    out = each;
  }
  return out;
}

void request_queue::add(std::string const& model, queued_request const& request, lane_number number, bool fresh) {
  auto const at = models_.try_emplace(model).first;
  auto& in = at->second.by_lane[number];
  auto& own = place_for(in, request.client);
  unlist(in, number, own);
  (fresh ? own.fresh : own.returned).insert(request.serial);
  if (fresh) {
    own.held[requests] += 1;
    own.held[bytes] += request.bytes;
  } else if (number == resuming) {
    ++resuming_;
  } else {
    put_back_[requests] += 1;
    put_back_[bytes] += request.bytes;
  }
  list(in, number, own);
  in.arrivals.insert(request.serial);
  deadlines_.set(request.serial, request.deadline);
  auto const weight = std::clamp<std::uint32_t>(request.weight, 1, max_client_weight);
  entries_.emplace(request.serial, entry{.model = at,
                                         .lane = number,
                                         .at = &own,
                                         .fresh = fresh,
                                         .bytes = request.bytes,
                                         .cost = (request_cost + request.bytes) / weight,
                                         .arrived = request.arrived});
}

void request_queue::remove(entries::iterator at, bool is_served) {
  auto const [serial, old] = *at;
  auto& in = old.model->second.by_lane[old.lane];
  auto& own = *old.at;
  unlist(in, old.lane, own);
  (old.fresh ? own.fresh : own.returned).erase(serial);
  if (old.fresh) {
    own.held[requests] -= 1;
    own.held[bytes] -= old.bytes;
  } else if (old.lane == resuming) {
    --resuming_;
  } else {
    put_back_[requests] -= 1;
    put_back_[bytes] -= old.bytes;
  }
  if (old.fresh && is_served) {
    in.virtual_time = own.tag;
    own.tag += old.cost;
  }
  list(in, old.lane, own);
  in.arrivals.erase(serial);
  deadlines_.erase(serial);
  entries_.erase(at);
  forget_idle(in);
  auto const& all = old.model->second.by_lane;
  if (std::ranges::all_of(all, [](lane const& each) { return each.turns.empty(); })) models_.erase(old.model);
}

request_queue::place& request_queue::place_for(lane& in, client_key client) {
  auto own = in.places.find(client);
  if (own != in.places.end()) return own->second;
  if (places_ >= policy_.max_clients) client = client_key::others;
  auto const [at, is_new] = in.places.try_emplace(client);
  if (is_new) {
    ++places_;
    at->second.client = client;
    at->second.tag = in.virtual_time;
  }
  return at->second;
}

// Where it stands in the order of turns, and among those that hold much. What is listed is not to be changed.
void request_queue::list(lane& in, lane_number number, place& of) {
  if (!of.returned.empty())
    in.turns.insert({.pays = false, .tag = 0, .serial = *of.returned.begin()});
  else if (!of.fresh.empty())
    in.turns.insert({.pays = true, .tag = of.tag, .serial = *of.fresh.begin()});
  else
    in.idle.emplace(of.tag, of.client);
  if (of.fresh.empty()) return;
  for (auto const what : {requests, bytes}) {
    fresh_[number].places[what].emplace(of.held[what], *of.fresh.rbegin());
    fresh_[number].held[what] += of.held[what];
  }
}

void request_queue::unlist(lane& in, lane_number number, place& of) {
  if (!of.returned.empty())
    in.turns.erase({.pays = false, .tag = 0, .serial = *of.returned.begin()});
  else if (!of.fresh.empty())
    in.turns.erase({.pays = true, .tag = of.tag, .serial = *of.fresh.begin()});
  else
    in.idle.erase({of.tag, of.client});
  if (of.fresh.empty()) return;
  for (auto const what : {requests, bytes}) {
    fresh_[number].places[what].erase({of.held[what], *of.fresh.rbegin()});
    fresh_[number].held[what] -= of.held[what];
  }
}

// Those whose tag is no longer ahead, which is the same as not to know them; all, where nothing waits.
void request_queue::forget_idle(lane& in) {
  while (!in.idle.empty() && (in.turns.empty() || in.idle.begin()->first <= in.virtual_time)) {
    in.places.erase(in.idle.begin()->second);
    in.idle.erase(in.idle.begin());
    --places_;
  }
}

void slot_time::learn(duration sample) { average_ = average_ ? *average_ + (sample - *average_) / smoothing : sample; }

std::optional<duration> estimated_wait(std::size_t before, slot_time const& of_one, std::size_t slots) {
  if (!of_one.average() || slots == 0) return std::nullopt;
  return *of_one.average() / static_cast<duration::rep>(slots) * static_cast<duration::rep>(before);
}

} // namespace paddler
