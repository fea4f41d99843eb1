#include "store/memory_store.hpp"

#include "store/record_row.hpp"

namespace paddler {
namespace {

class memory_store : public state_store {
public:
  result<stored_state> blocking_open() override {
    open_ = true;
    epoch_ = epoch_.next();
    return stored_state{epoch_, records_, base_};
  }

  result<void> blocking_append(std::span<log_record const> records) override {
    if (!open_) return fail(error_code::closed, "the state store is closed");
    if (auto checked = check_numbers(last(), records); !checked) return checked;
    records_.insert(records_.end(), records.begin(), records.end());
    return {};
  }

  result<void> blocking_compact(revision up_to, snapshot_fold const& fold) override {
    if (!open_) return fail(error_code::closed, "the state store is closed");
    auto const start = base_.value_or(state_snapshot{});
    if (auto checked = check_compaction(start.at, last(), up_to); !checked || up_to <= start.at) return checked;
    auto const count = static_cast<std::ptrdiff_t>(up_to.value - start.at.value);
    base_ = fold(start, std::span(records_).first(static_cast<std::size_t>(count)));
    records_.erase(records_.begin(), records_.begin() + count);
    return {};
  }

  void blocking_close() override { open_ = false; }

private:
  [[nodiscard]] revision last() const {
    return records_.empty() ? base_.value_or(state_snapshot{}).at : records_.back().number;
  }

  std::optional<state_snapshot> base_;
  std::vector<log_record> records_;
  epoch epoch_;
  bool open_ = false;
};

} // namespace

std::unique_ptr<state_store> make_memory_store() { return std::make_unique<memory_store>(); }

} // namespace paddler
