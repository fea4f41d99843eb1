// One table of routes: what a request's method and path mean. The table is also what documentation, metrics labels and
// access rules are generated from.
#pragma once
#include "net/http_server.hpp"

#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace paddler {

struct route {
  std::string method = {};       // "GET" (which serves HEAD too), "POST", ...
  std::string pattern = {};      // "/v1/models/{id}"; a last segment "{rest*}" takes all that follows
  std::string operation_id = {}; // unique, stable: "get_model"
  std::size_t body_limit = 0;    // 0: the service's
  http_handler handler = {};
};

// Immutable once made. Segments are compared after decoding, one by one: an escaped slash is part of a parameter, and
// no spelling of a path reaches another route than its plain one. Literal segments win over parameters.
class router {
public:
  // Wrong tables (a pattern without a slash, the same method and pattern twice, ...) end the process: they are bugs.
  // `elsewhere` goes into the answer for paths that are not there: a sentence on what the caller may have meant.
  explicit router(std::vector<route> rows, std::string elsewhere = {});
  ~router();
  router(router&&) noexcept;
  router& operator=(router&&) = delete;

  // Calls the row's handler; answers 404, 405 with Allow, and OPTIONS itself.
  task<> serve(http_exchange& exchange) const;

  [[nodiscard]] std::span<route const> rows() const { return rows_; }

  struct match {
    route const* row = nullptr; // null: no row of this method
    std::vector<std::pair<std::string_view, std::string>> params = {};
    std::string allow = {}; // the methods of the path; empty: no such path
  };

  // Pure: what serve() acts upon.
  [[nodiscard]] match find(std::string_view method, std::string_view path) const;

private:
  struct node;
  void insert(std::size_t row);
  static node const* descend(node const& from, std::string_view rest, std::vector<std::string>& captured);

  std::vector<route> rows_;
  std::string elsewhere_;
  std::unique_ptr<node> root_;
};

// A handler that owns its router.
http_handler routed(router routes);

} // namespace paddler
