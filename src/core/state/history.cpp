#include "core/state/history.hpp"

#include "core/state/field_map.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace paddler {
namespace {

constexpr std::size_t entry_bytes = 200; // of an entry, without its texts

std::size_t texts_of(agent_spec const& agent) {
  std::size_t out = agent.id.value.size() + agent.model.value_or("").size();
  if (!agent.desired_model) return out;
  auto const& model = *agent.desired_model;
  for (auto const* text : {&model.model_id, &model.revision, &model.file, &model.quantization, &model.path, &model.url})
    out += *text ? (*text)->size() : 0;
  return out;
}

std::size_t bytes_of(log_record const& record) {
  auto const& document = record.document;
  auto out = entry_bytes * (1 + document.agents.size() + document.models.size());
  for (auto const& agent : document.agents) out += texts_of(agent);
  for (auto const& model : document.models) out += model.id.value.size() + model.chat_template.value_or("").size();
  return out;
}

std::string words(revision number) { return "revision " + std::to_string(number.value); }

std::unexpected<error> too_old(std::string message, revision oldest) {
  return fail(error_code::gone, std::move(message),
              "Older changes are folded into a snapshot. The oldest state that is kept is that of " + words(oldest) +
                  ".");
}

template <class T> std::uint64_t cut_off(std::vector<T>& list, std::size_t limit) {
  if (list.size() <= limit) return 0;
  auto const more = list.size() - limit;
  list.resize(limit);
  return more;
}

bool touches(revision_view const& change, std::string_view path) {
  auto const covered = [path](field_change const& each) { return path_covers(path, each.path); };
  return path.empty() || std::ranges::any_of(change.said, covered) || std::ranges::any_of(change.changes, covered);
}

revision_view view_whole(log_record const& record, desired_news const& news) {
  revision_view out{.number = record.number,
                    .at = record.at,
                    .source = record.source,
                    .origin = record.origin,
                    .said = news.said,
                    .changes = news.changes,
                    .more_changes = 0,
                    .agents = news.agents,
                    .more_agents = 0,
                    .losses = news.losses};
  return out;
}

revision_view cut_lists(revision_view out) {
  out.more_changes = cut_off(out.said, max_listed_fields) + cut_off(out.changes, max_listed_fields);
  out.more_agents = cut_off(out.agents, max_listed_agents);
  cut_off(out.losses, max_listed_fields);
  return out;
}

} // namespace

desired_state fold(history_slice const& slice) {
  desired_state out(*slice.base);
  for (auto const& record : slice.records) out.apply(*record);
  return out;
}

state_snapshot fold_snapshot(history_slice const& slice, wall_time taken) { return fold(slice).snapshot(taken); }

void state_history::begin(state_snapshot base, std::span<log_record const> log) {
  base_ = std::make_shared<state_snapshot const>(std::move(base));
  records_.clear();
  bytes_ = 0;
  for (auto const& record : log) add(record);
}

void state_history::add(log_record const& record) {
  bytes_ += bytes_of(record);
  records_.push_back(std::make_shared<log_record const>(record));
}

result<history_slice> state_history::up_to(revision wanted) const {
  if (wanted > newest())
    return fail(error_code::not_found, "There is no " + words(wanted) + " yet.",
                "The newest is " + words(newest()) + ".");
  if (wanted < oldest()) return too_old(words(wanted) + " is not kept any more.", oldest());
  auto out = all();
  out.records.resize(wanted.value - base_->at.value);
  return out;
}

history_slice state_history::all() const { return {base_, {records_.begin(), records_.end()}}; }

// Wall clocks step: of the revisions that were made by then the newest counts, whatever the times of those before it.
result<revision> state_history::as_of(wall_time time) const {
  auto const at = std::ranges::find_if(records_.rbegin(), records_.rend(),
                                       [time](auto const& record) { return record->at <= time; });
  if (at != records_.rend()) return (*at)->number;
  if (base_->at == revision{} || base_->taken <= time) return base_->at;
  return too_old("What was wanted at that time is not kept any more.", oldest());
}

std::optional<revision> state_history::surplus(wall_time now) const {
  auto const count = records_.size();
  std::size_t too_many = count > policy_.max_records ? count - policy_.max_records : 0;
  auto bytes = bytes_;
  for (std::size_t i = 0; i < count; ++i) {
    bool const old = i + policy_.always_kept < count && now - records_[i]->at > policy_.max_age;
    bool const fits = bytes <= policy_.max_bytes || i + 1 == count;
    if (!old && fits) break;
    too_many = std::max(too_many, i + 1);
    bytes -= bytes_of(*records_[i]);
  }
  auto const in_snapshot = base_->agents.size();
  auto const slack = std::max(policy_.slack, in_snapshot / 4);
  bool const enough = too_many >= slack || bytes_ > policy_.max_bytes;
  if (too_many == 0 || !enough) return std::nullopt;
  return revision{base_->at.value + std::min(too_many, std::max(policy_.max_folded_at_once, in_snapshot))};
}

void state_history::compacted(std::shared_ptr<state_snapshot const> base) {
  while (!records_.empty() && records_.front()->number <= base->at) {
    bytes_ -= bytes_of(*records_.front());
    records_.pop_front();
  }
  base_ = std::move(base);
}

revision_view view_revision(log_record const& record, desired_news const& news) {
  return cut_lists(view_whole(record, news));
}

std::vector<revision_view> list_revisions(history_slice const& slice, revision_filter const& filter) {
  std::deque<revision_view> newest;
  desired_state state(*slice.base);
  for (auto const& record : slice.records) {
    if (filter.before && record->number >= *filter.before) break;
    auto view = view_whole(*record, state.apply(*record));
    if (!touches(view, filter.path)) continue;
    newest.push_front(cut_lists(std::move(view)));
    if (newest.size() > std::min(filter.limit, max_listed_revisions)) newest.pop_back();
  }
  return {std::make_move_iterator(newest.begin()), std::make_move_iterator(newest.end())};
}

} // namespace paddler
