// One connection of a server: requests in, answers out, in turn. Internal to net.
#pragma once
#include "net/http_parser.hpp"
#include "net/http_server.hpp"
#include "net/read_buffer.hpp"

#include <memory>
#include <string>

namespace paddler {

class http_session {
public:
  http_session(std::unique_ptr<transport> stream, std::string initial_bytes,
               std::shared_ptr<http_service const> service, session_control* control);
  ~http_session();
  http_session(http_session const&) = delete;
  http_session& operator=(http_session const&) = delete;

  task<> run();

private:
  friend class http_exchange;

  enum class answer_state { none, streaming, done, broken, taken };

  task<bool> read_head();
  task<bool> refuse(http_error why);
  task<> answer_request();
  task<> finish_answer();
  task<> linger();
  task<boost::system::error_code> read_body_bytes();
  task<bool> next_body_piece(std::span<char const>* out, error* why);
  task<bool> send(std::span<asio::const_buffer const> buffers);
  task<bool> send_whole(std::string_view body);
  task<bool> send_kept(std::string body);
  task<bool> send_waiting_head();
  asio::const_buffer take_waiting_head();
  task<bool> send_chunk(std::span<asio::const_buffer const> pieces, std::string_view tail);
  void begin_request();
  void compose_head(unsigned status, header_list headers);
  void finish_head(unsigned status, std::size_t body_size);
  void finish_stream_head();
  void append_connection();
  void append_header(std::string_view name, std::string_view value);
  [[nodiscard]] bool keep_alive() const;
  [[nodiscard]] duration patience(duration limit) const;

  [[nodiscard]] bool body_left() const { return !parser_.body_done(); }

  [[nodiscard]] error_answer error_body(unsigned status, std::string_view detail) const;
  void set_busy(bool busy);
  taken_connection take();

  std::unique_ptr<transport> stream_; // null once taken
  std::shared_ptr<http_service const> service_;
  session_control* control_;
  session_control own_control_;
  http_parser parser_;
  read_buffer buffer_;
  http_head head_;
  std::string request_id_;
  std::string out_;               // the head being sent
  std::size_t body_consumed_ = 0; // bytes at the front of the buffer that the last piece of body lies in
  std::size_t body_received_ = 0;
  duration body_waited_{}; // in reads, not in the handler
  answer_state answer_ = answer_state::none;
  bool first_request_ = true;
  bool continue_sent_ = false;
  bool close_after_ = false;
  bool head_request_ = false;
  bool chunked_answer_ = false;
  bool client_was_slow_ = false;
  bool head_waits_ = false; // a stream's head, for its first piece
};

} // namespace paddler
