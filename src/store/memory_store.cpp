#include "store/memory_store.hpp"

#include "store/record_row.hpp"

namespace paddler {
namespace {

class memory_store : public state_store {
public:
  result<stored_state> blocking_open() override {
    open_ = true;
    epoch_ = epoch_.next();
    return stored_state{epoch_, records_};
  }

  result<void> blocking_append(std::span<log_record const> records) override {
    if (!open_) return fail(error_code::closed, "the state store is closed");
    revision const last = records_.empty() ? revision{} : records_.back().number;
    if (auto checked = check_numbers(last, records); !checked) return checked;
    records_.insert(records_.end(), records.begin(), records.end());
    return {};
  }

  void blocking_close() override { open_ = false; }

private:
  std::vector<log_record> records_;
  epoch epoch_;
  bool open_ = false;
};

} // namespace

std::unique_ptr<state_store> make_memory_store() { return std::make_unique<memory_store>(); }

} // namespace paddler
