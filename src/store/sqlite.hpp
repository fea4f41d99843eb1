// SQLite's C interface with owners: a connection, its prepared statements, and its errors in words.
//
// Threads: one at a time (SQLITE_OPEN_NOMUTEX). Every call blocks.
#pragma once
#include "base/result.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>

struct sqlite3;
struct sqlite3_stmt;

namespace paddler {

// One run of a prepared statement: bind, step, read. Goes back to the connection's cache when it ends; the text and
// bytes of columns live until the next step.
class sqlite_run {
public:
  sqlite_run(sqlite3* db, sqlite3_stmt* statement, std::string const& path)
      : db_(db), statement_(statement), path_(&path) {}

  sqlite_run(sqlite_run&& other) noexcept;
  sqlite_run& operator=(sqlite_run&&) = delete;
  ~sqlite_run();

  // Parameters and columns count as SQL does: ?1 is the first parameter, 0 the first column.
  void bind(int parameter, std::int64_t value);
  void bind(int parameter, std::string_view text);
  void bind(int parameter, std::span<unsigned char const> bytes);

  // Not copied: it must live, as it is, until the run ends.
  void bind_view(int parameter, std::string_view text);

  result<bool> step();   // whether there is a row
  result<void> finish(); // for statements without rows

  [[nodiscard]] std::int64_t integer(int column) const;
  [[nodiscard]] std::string text(int column) const;
  [[nodiscard]] std::span<unsigned char const> bytes(int column) const;

private:
  sqlite3* db_;
  sqlite3_stmt* statement_;
  std::string const* path_;
  int bind_code_ = 0; // the first failure of a bind, told by `step`
};

class sqlite_database {
public:
  // An existing file; never creates one. `vfs` names SQLite's file layer, for tests; empty: the default one.
  static result<sqlite_database> blocking_open(std::string path, std::string const& vfs = {});

  sqlite_database(sqlite_database&&) noexcept;
  sqlite_database& operator=(sqlite_database&&) noexcept;
  ~sqlite_database();

  // One or more statements without parameters and rows.
  result<void> execute(std::string const& sql);

  // Prepared once for each text, then taken from the cache. At most one run of a text at a time.
  result<sqlite_run> prepare(std::string_view sql);

  // The first column of the first row; empty where there is none.
  result<std::string> ask_text(std::string_view sql);
  result<std::int64_t> ask_integer(std::string_view sql);

  [[nodiscard]] bool in_transaction() const;

  // Whether the last call failed for what stands in the database or in the statement, not for the disk.
  [[nodiscard]] bool failed_by_content() const;

  // Whether calls wait, for a bounded time, where another program holds the database. At first they do.
  void wait_for_others(bool wanted);

  // Moves what the write-ahead log holds into the file and empties the log. A full disk and readers that are in the
  // way are no errors: the log keeps what it holds.
  result<void> checkpoint();

  // Copies everything, as of one transaction, into `to`, which must be empty.
  result<void> copy_to(sqlite_database& to);

  // Whether closing may move the write-ahead log into the file.
  void checkpoint_on_close(bool wanted);

private:
  struct closer {
    void operator()(sqlite3* db) const;
  };

  struct finalizer {
    void operator()(sqlite3_stmt* statement) const;
  };

  sqlite_database(std::unique_ptr<sqlite3, closer> db, std::string path);

  template <class Value> result<Value> ask(std::string_view sql, Value (sqlite_run::*read)(int) const);

  std::unique_ptr<std::string> path_; // at an address that stays, for the runs
  std::unique_ptr<sqlite3, closer> db_;
  std::map<std::string, std::unique_ptr<sqlite3_stmt, finalizer>, std::less<>> statements_;
};

} // namespace paddler
