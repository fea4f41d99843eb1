// A reverse proxy before the balancer, as many have one: streams come through it as they are made, those that wait are
// kept alive, clients that leave are noticed (NET-09). Skipped where there is no such proxy.
#include "base/result.hpp"
#include "engine/child_process.hpp"
#include "harness/process_cluster.hpp"
#include "harness/system_test.hpp"
#include "runtime/task_group.hpp"

#include <boost/asio/ip/tcp.hpp>

#include <filesystem>
#include <iostream>

namespace paddler_test {
namespace {

struct proxy_setting {
  bool buffers = false; // answers, or what a proxy can buffer
  bool reuses = false;  // connections to the balancer; else each request has its own
};

// Where it listens, whom it asks, and where it may write.
struct proxy_place {
  std::string front;
  std::string balancer;
  std::string folder;
};

// Asks with HTTP/1.0 where it reuses no connections.
std::string nginx_configuration(proxy_setting setting, proxy_place const& place) {
  std::string temporary;
  for (char const* each : {"client_body", "proxy", "fastcgi", "uwsgi", "scgi"})
    temporary += std::string(each) + "_temp_path " + place.folder + "/nginx-" + each + ";\n";
  std::string const reused = "proxy_http_version 1.1; proxy_set_header Connection \"\";\n";
  return "daemon off; master_process off; worker_processes 1; pid " + place.folder + "/nginx.pid;\n" +
         "events { worker_connections 256; }\nhttp { access_log off;\n" + temporary + "upstream balancer { server " +
         place.balancer + "; keepalive 4; }\nserver { listen " + place.front +
         "; location / { proxy_pass http://balancer; proxy_set_header Host localhost; proxy_read_timeout 1s;\n" +
         "proxy_buffering " + (setting.buffers ? "on" : "off") + ";\n" + (setting.reuses ? reused : "") + "} } }\n";
}

// It buffers requests, never answers.
std::string haproxy_configuration(proxy_setting setting, proxy_place const& place) {
  return std::string("global\n  maxconn 256\ndefaults\n  mode http\n") +
         "  timeout connect 5s\n  timeout client 1s\n  timeout server 1s\n" +
         (setting.buffers ? "  option http-buffer-request\n" : "") +
         (setting.reuses ? "  http-reuse always\n" : "  option httpclose\n") + "listen front\n  bind " + place.front +
         "\n  server balancer " + place.balancer + "\n";
}

struct proxy_program {
  char const* path;
  std::string (*configuration)(proxy_setting, proxy_place const&);
  std::vector<std::string> (*arguments)(proxy_place const&, std::string const& file);
};

constexpr proxy_program nginx{.path = "/usr/sbin/nginx",
                              .configuration = nginx_configuration,
                              .arguments = [](proxy_place const& place, std::string const& file) {
                                return std::vector<std::string>{"nginx", "-p", place.folder, "-c",
                                                                file,    "-e", "stderr"};
                              }};

constexpr proxy_program haproxy{.path = "/usr/sbin/haproxy",
                                .configuration = haproxy_configuration,
                                .arguments = [](proxy_place const&, std::string const& file) {
                                  return std::vector<std::string>{"haproxy", "-db", "-f", file};
                                }};

class proxied_cluster : public process_cluster {
public:
  explicit proxied_cluster(asio::any_io_executor executor)
      : process_cluster(executor), executor_(executor), tasks_(executor, "proxy") {}

  // Before the balancer, which runs already.
  task<> start_proxy(proxy_program const* program, proxy_setting setting) {
    proxy_place const place{.front = free_address(), .balancer = api().inference(), .folder = directory().path()};
    front_ = place.front;
    auto const file = directory().write("proxy.conf", program->configuration(setting, place));
    child_command command;
    command.program = program->path;
    command.arguments = program->arguments(place, file);
    auto child = child_process::spawn(executor_, command, [this](std::string_view line) {
      output_ += line;
      output_ += '\n';
    });
    require(child.has_value(), child ? "" : describe(child.error()));
    proxy_ = std::move(*child);
    tasks_.spawn("output", proxy_->read_output());
    co_await until_it_listens();
  }

  task<> stop_proxy() {
    if (!proxy_) co_return;
    proxy_->kill();
    co_await proxy_->wait();
    co_await tasks_.join();
    proxy_.reset();
  }

  [[nodiscard]] std::string const& front() const { return front_; }

  task<> stop() {
    co_await stop_proxy();
    co_await process_cluster::stop();
  }

  void print_logs() const {
    std::cerr << "--- proxy ---\n" << output_;
    process_cluster::print_logs();
  }

private:
  [[nodiscard]] std::string free_address() const {
    using asio::ip::tcp;
    tcp::acceptor const taken(executor_, {asio::ip::address_v4::loopback(), 0});
    return "127.0.0.1:" + std::to_string(taken.local_endpoint().port());
  }

  task<> until_it_listens() {
    for (int looks = 0; looks < 1000; ++looks) {
      auto const answer = co_await healthy();
      if (answer) co_return;
      co_await pause_between_looks();
    }
    give_up_test("the proxy does not listen: " + output_);
  }

  task<bool> healthy() {
    try {
      auto const answer = co_await ask(front_, "GET", "/healthz");
      co_return answer.status == 200;
    } catch (test_failure const&) {
      co_return false;
    }
  }

  asio::any_io_executor executor_;
  std::shared_ptr<child_process> proxy_;
  std::string front_;
  std::string output_;
  task_group tasks_;
};

task<> fill(std::string address, chat_question asked, chat_answer* out) { *out = co_await chat(address, asked); }

// Longer than a proxy waits for a word of the balancer.
task<> read_comments(event_stream* events) {
  for (int comments = 0; comments < 15;) {
    auto const event = co_await events->next();
    require(event.has_value(), "a stream that waits stays open");
    comments += static_cast<int>(event->comments.size());
  }
}

task<> serve_behind(proxy_program const* program, proxied_cluster& cluster, proxy_setting setting) {
  co_await cluster.start_proxy(program, setting);
  task_group readers(co_await asio::this_coro::executor, "readers");
  auto const asked = question("before there is an agent", 20);
  chat_answer waited;
  readers.spawn("reader", fill(cluster.front(), asked, &waited));
  auto leaves = co_await event_stream::open(cluster.front(), "/v1/chat/completions",
                                            chat_body(endless_question("leaves while it waits")));
  co_await read_comments(&leaves);
  leaves.line().close();
  co_await cluster.api().until_requests("queued", 1);
  cluster.start_agent("a1", "token-time=10ms");
  co_await readers.join();
  EXPECT_TRUE(waited.is_whole()) << waited.error_code << ": " << waited.error_message;
  EXPECT_EQ(waited.text, chain_of(asked));
  EXPECT_GE(waited.comments, 10U);

  auto stream = co_await chat_stream::open(cluster.front(), endless_question("as it is made"));
  require(co_await stream.read_pieces(5), "tokens come through while others are made");
  co_await cluster.api().until_requests("streaming", 1);
  stream.line().close();
  co_await cluster.api().until_idle(1); // it was noticed
  auto const whole = unstreamed(question("all at once", 20));
  auto const answer = co_await post_chat(cluster.front(), whole);
  EXPECT_EQ(content_of(answer), chain_of(whole));
  co_await cluster.named("a1").kill();
  co_await cluster.api().until_idle(0);
  co_await cluster.stop_proxy();
}

task<> serve_in_each_setting(proxy_program const* program, proxied_cluster& cluster) {
  std::vector<std::string> const flags = {"--keep-alive", "100ms"};
  co_await cluster.start_balancer(flags);
  co_await cluster.api().apply(want_agents(1, 1));
  for (bool const buffers : {false, true}) {
    for (bool const reuses : {false, true}) {
      SCOPED_TRACE(std::string(buffers ? "buffering" : "no buffering") + (reuses ? ", reused connections" : ""));
      proxy_setting const setting{buffers, reuses};
      co_await serve_behind(program, cluster, setting);
    }
  }
}

task<> behind_nginx(proxied_cluster& cluster) { return serve_in_each_setting(&nginx, cluster); }

task<> behind_haproxy(proxied_cluster& cluster) { return serve_in_each_setting(&haproxy, cluster); }

TEST(reverse_proxy, NET_09_streams_come_through_nginx) {
  if (!std::filesystem::exists(nginx.path)) GTEST_SKIP() << "there is no " << nginx.path;
  detail::run_system_test<proxied_cluster>(&behind_nginx);
}

TEST(reverse_proxy, NET_09_streams_come_through_haproxy) {
  if (!std::filesystem::exists(haproxy.path)) GTEST_SKIP() << "there is no " << haproxy.path;
  detail::run_system_test<proxied_cluster>(&behind_haproxy);
}

} // namespace
} // namespace paddler_test
