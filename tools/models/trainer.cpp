#include "models/trainer.hpp"

#include "models/initial_weights.hpp"

#include <ggml-alloc.h>
#include <ggml-backend.h>
#include <ggml-cpu.h>
#include <ggml.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numbers>

namespace paddler {
namespace {

constexpr std::size_t graph_size = 8192;       // nodes, those of the backward pass included
constexpr std::size_t max_data_tensors = 1024; // inputs, weights, and two for each weight

template <class T> using owned = std::unique_ptr<T, void (*)(T*)>;

owned<ggml_context> shapes_only(std::size_t tensors, std::size_t more = 0) {
  return {ggml_init({tensors * ggml_tensor_overhead() + more, nullptr, /*no_alloc=*/true}), ggml_free};
}

// What ggml_opt_step_adamw reads, in its order.
struct adamw_parameters {
  float rate;
  float beta1;
  float beta2;
  float epsilon;
  float weight_decay;
  float mean_correction;     // 1 / (1 - beta1^step)
  float variance_correction; // 1 / (1 - beta2^step)
};

adamw_parameters parameters_at(int step, training_options const& options) {
  constexpr float beta1 = 0.9F;
  constexpr float beta2 = 0.97F;
  auto const done = static_cast<float>(step) / static_cast<float>(options.steps);
  auto const warm = std::min(1.0F, 20 * done + 1 / static_cast<float>(options.steps));
  auto const rate = options.peak_rate * warm * 0.5F * (1 + std::cos(std::numbers::pi_v<float> * done));
  auto const power = static_cast<float>(step + 1);
  return {rate,
          beta1,
          beta2,
          1e-8F,
          options.weight_decay,
          1 / (1 - std::pow(beta1, power)),
          1 / (1 - std::pow(beta2, power))};
}

// `to` becomes `to->src[0]` with rows and columns exchanged. In blocks that fit into the cache; ggml's own copy goes
// number by number.
void transpose_blocks(ggml_tensor* to, int, int, void*) {
  constexpr std::int64_t block = 32;
  auto const* const from = to->src[0];
  auto const columns = from->ne[0];
  auto const rows = from->ne[1];
  for (std::int64_t matrix = 0; matrix < from->ne[2] * from->ne[3]; ++matrix) {
    auto const* const in = static_cast<float const*>(from->data) + matrix * columns * rows;
    auto* const out = static_cast<float*>(to->data) + matrix * columns * rows;
    for (std::int64_t row = 0; row < rows; row += block) {
      for (std::int64_t column = 0; column < columns; ++column) {
        for (auto r = row; r < std::min(row + block, rows); ++r) out[column * rows + r] = in[r * columns + column];
      }
    }
  }
}

ggml_tensor* transposed(ggml_context* c, ggml_tensor* t) {
  if (t->op == GGML_OP_TRANSPOSE) return t->src[0];
  if (!ggml_is_contiguous(t)) t = ggml_cont(c, t);
  return ggml_custom_4d(c, GGML_TYPE_F32, t->ne[1], t->ne[0], t->ne[2], t->ne[3], &t, 1, transpose_blocks, 1, nullptr);
}

// The outer product in ggml's derivative of a matrix product is several times slower than a matrix product of the
// transposed operands, which gives the same.
void replace_outer_product(ggml_context* c, ggml_tensor* node) {
  node->op = GGML_OP_MUL_MAT;
  node->src[0] = transposed(c, node->src[0]);
  node->src[1] = transposed(c, node->src[1]);
}

void put(ggml_tensor* tensor, void const* data) { ggml_backend_tensor_set(tensor, data, 0, ggml_nbytes(tensor)); }

} // namespace

struct trainer::implementation {
  explicit implementation(training_options const& o)
      : options(o),
        backend(ggml_backend_cpu_init(), ggml_backend_free),
        data_context(shapes_only(max_data_tensors)),
        graph_context(shapes_only(graph_size, 3 * ggml_graph_overhead_custom(graph_size, /*grads=*/true))) {
    ggml_backend_cpu_set_n_threads(backend.get(), o.threads);
    make_inputs();
    auto const specs = tensors_of(o.shape);
    for (auto const& spec : specs) weights[spec.name] = make_weight(spec);
    build_graph();
    data_buffer.reset(ggml_backend_alloc_ctx_tensors(data_context.get(), backend.get()));
    ggml_backend_buffer_clear(data_buffer.get(), 0);
    for (auto const& [name, values] : initial_weights(o.shape, o.seed)) put(weight(name), values.data());
    float const one = 1;
    put(loss_gradient, &one);
    allocator.reset(ggml_gallocr_new(ggml_backend_get_default_buffer_type(backend.get())));
    ggml_gallocr_alloc_graph(allocator.get(), graph);
  }

  void make_inputs() {
    auto const& batch = options.batch;
    auto* const c = data_context.get();
    tokens = ggml_new_tensor_1d(c, GGML_TYPE_I32, batch.size());
    positions = ggml_new_tensor_1d(c, GGML_TYPE_I32, batch.size());
    sources = ggml_new_tensor_1d(c, GGML_TYPE_I32, batch.targets);
    mask = ggml_new_tensor_4d(c, GGML_TYPE_F32, batch.row_length, batch.row_length, 1, batch.rows);
    labels = ggml_new_tensor_2d(c, GGML_TYPE_F32, options.shape.vocabulary, batch.targets);
    adamw = ggml_new_tensor_1d(c, GGML_TYPE_F32, sizeof(adamw_parameters) / sizeof(float));
    loss_gradient = ggml_new_tensor_1d(c, GGML_TYPE_F32, 1);
  }

  // A tensor that is learned, and the running mean and variance of its gradient.
  struct learned_tensor {
    ggml_tensor* value = nullptr;
    ggml_tensor* mean = nullptr;
    ggml_tensor* variance = nullptr;
  };

  learned_tensor make_weight(tensor_spec const& spec) const {
    auto* const c = data_context.get();
    auto* const value = spec.rows == 0 ? ggml_new_tensor_1d(c, GGML_TYPE_F32, spec.columns)
                                       : ggml_new_tensor_2d(c, GGML_TYPE_F32, spec.columns, spec.rows);
    ggml_set_param(value);
    return {value, ggml_dup_tensor(c, value), ggml_dup_tensor(c, value)};
  }

  ggml_tensor* weight(std::string const& name) const { return weights.at(name).value; }

  ggml_tensor* normed(ggml_tensor* x, std::string const& name) const {
    auto* const c = graph_context.get();
    return ggml_mul(c, ggml_rms_norm(c, x, 1e-5F), weight(name));
  }

  // In shapes, numbers that lie next to each other come first: [head size, heads, tokens, rows].
  ggml_tensor* attention(ggml_tensor* x, std::string const& block) const {
    auto* const c = graph_context.get();
    auto const& shape = options.shape;
    auto const& batch = options.batch;
    std::int64_t const head = shape.head_size();
    std::int64_t const heads = shape.heads;
    auto const project = [&](char const* name) {
      return ggml_reshape_3d(c, ggml_mul_mat(c, weight(block + name), x), head, heads, batch.size());
    };
    auto const turned = [&](ggml_tensor* t) { return ggml_rope(c, t, positions, static_cast<int>(head), 0); };
    auto const in_rows = [&](ggml_tensor* t) {
      return ggml_reshape_4d(c, t, head, heads, batch.row_length, batch.rows);
    };
    auto* const q = ggml_cont(c, ggml_permute(c, in_rows(turned(project("attn_q.weight"))), 0, 2, 1, 3));
    auto* const k = ggml_cont(c, ggml_permute(c, in_rows(turned(project("attn_k.weight"))), 0, 2, 1, 3));
    auto* const v = ggml_cont(c, ggml_permute(c, in_rows(project("attn_v.weight")), 1, 2, 0, 3));
    float const scale = 1 / std::sqrt(static_cast<float>(head));
    auto* const seen = ggml_soft_max_ext(c, ggml_mul_mat(c, k, q), mask, scale, 0);
    auto* const mixed = ggml_cont(c, ggml_permute(c, ggml_mul_mat(c, v, seen), 0, 2, 1, 3));
    return ggml_mul_mat(c, weight(block + "attn_output.weight"), ggml_reshape_2d(c, mixed, head * heads, batch.size()));
  }

  ggml_tensor* feed_forward(ggml_tensor* x, std::string const& block) const {
    auto* const c = graph_context.get();
    auto* const gate = ggml_silu(c, ggml_mul_mat(c, weight(block + "ffn_gate.weight"), x));
    auto* const up = ggml_mul_mat(c, weight(block + "ffn_up.weight"), x);
    return ggml_mul_mat(c, weight(block + "ffn_down.weight"), ggml_mul(c, gate, up));
  }

  // The scores of all tokens after each of the batch's sources.
  ggml_tensor* scores() const {
    auto* const c = graph_context.get();
    auto* x = ggml_get_rows(c, weight("token_embd.weight"), tokens);
    for (std::uint32_t layer = 0; layer < options.shape.layers; ++layer) {
      auto const block = "blk." + std::to_string(layer) + ".";
      x = ggml_add(c, x, attention(normed(x, block + "attn_norm.weight"), block));
      x = ggml_add(c, x, feed_forward(normed(x, block + "ffn_norm.weight"), block));
    }
    return ggml_mul_mat(c, weight("output.weight"), normed(ggml_get_rows(c, x, sources), "output_norm.weight"));
  }

  // One step: loss, gradients, and the new weights.
  void build_graph() {
    auto* const c = graph_context.get();
    auto* const predicted = scores();
    loss = ggml_cross_entropy_loss(c, predicted, labels);
    ggml_set_loss(loss);
    correct = ggml_count_equal(c, ggml_argmax(c, predicted), ggml_argmax(c, labels));
    auto* const backward = ggml_new_graph_custom(c, graph_size, /*grads=*/true);
    ggml_build_forward_expand(backward, loss);
    // The gradient of each node is made by ggml, but for that of the last one, the loss, which is 1.
    std::vector<ggml_tensor*> gradients(static_cast<std::size_t>(ggml_graph_n_nodes(backward)));
    gradients.back() = loss_gradient;
    ggml_build_backward_expand(c, backward, gradients.data());
    for (int i = 0; i < ggml_graph_n_nodes(backward); ++i) {
      if (auto* const node = ggml_graph_node(backward, i); node->op == GGML_OP_OUT_PROD) replace_outer_product(c, node);
    }
    graph = ggml_new_graph_custom(c, graph_size, /*grads=*/false);
    for (auto* const result : {loss, correct}) {
      ggml_set_output(result);
      ggml_build_forward_expand(graph, result);
    }
    // All gradients before the first new weight: they are computed from the old ones.
    for (auto const& [name, tensor] : weights) {
      ggml_build_forward_expand(graph, ggml_graph_get_grad(backward, tensor.value));
    }
    for (auto const& [name, tensor] : weights) {
      auto* const gradient = ggml_graph_get_grad(backward, tensor.value);
      ggml_build_forward_expand(graph,
                                ggml_opt_step_adamw(c, tensor.value, gradient, tensor.mean, tensor.variance, adamw));
    }
  }

  void step(int number, training_batch const& batch) {
    put(tokens, batch.tokens.data());
    put(positions, batch.positions.data());
    put(sources, batch.sources.data());
    put(mask, batch.mask.data());
    std::size_t const columns = options.shape.vocabulary;
    one_hot.assign(batch.labels.size() * columns, 0.0F);
    for (std::size_t i = 0; i < batch.labels.size(); ++i) {
      one_hot[i * columns + static_cast<std::size_t>(batch.labels[i])] = 1;
    }
    put(labels, one_hot.data());
    auto const parameters = parameters_at(number, options);
    put(adamw, &parameters);
    ggml_backend_graph_compute(backend.get(), graph);
  }

  template <class T> T value_of(ggml_tensor const* scalar) const {
    T value{};
    ggml_backend_tensor_get(scalar, &value, 0, sizeof value);
    return value;
  }

  training_options options;
  owned<ggml_backend> backend;
  owned<ggml_context> data_context; // inputs and weights, which outlive a step
  owned<ggml_context> graph_context;
  owned<ggml_backend_buffer> data_buffer{nullptr, ggml_backend_buffer_free};
  owned<ggml_gallocr> allocator{nullptr, ggml_gallocr_free};
  std::map<std::string, learned_tensor> weights;
  ggml_cgraph* graph = nullptr;
  ggml_tensor* tokens = nullptr;
  ggml_tensor* positions = nullptr;
  ggml_tensor* sources = nullptr;
  ggml_tensor* mask = nullptr;
  ggml_tensor* labels = nullptr;
  ggml_tensor* adamw = nullptr;
  ggml_tensor* loss_gradient = nullptr;
  ggml_tensor* loss = nullptr;
  ggml_tensor* correct = nullptr;
  std::vector<float> one_hot;
};

trainer::trainer(training_options const& options) : inside_(std::make_unique<implementation>(options)) {}

trainer::~trainer() = default;

void trainer::run(std::function<training_batch()> const& next,
                  std::function<void(training_progress const&)> const& report) {
  auto const& options = inside_->options;
  training_progress sum;
  int steps_in_sum = 0;
  for (int step = 0; step < options.steps; ++step) {
    inside_->step(step, next());
    sum.loss += static_cast<double>(inside_->value_of<float>(inside_->loss));
    sum.accuracy += static_cast<double>(inside_->value_of<std::int64_t>(inside_->correct)) / options.batch.targets;
    ++steps_in_sum;
    if (steps_in_sum != report_every && step + 1 != options.steps) continue;
    report({step + 1, sum.loss / steps_in_sum, sum.accuracy / steps_in_sum});
    sum = {};
    steps_in_sum = 0;
  }
}

std::vector<float> trainer::weights(std::string const& tensor) const {
  auto const* const from = inside_->weight(tensor);
  std::vector<float> values(static_cast<std::size_t>(ggml_nelements(from)));
  ggml_backend_tensor_get(from, values.data(), 0, ggml_nbytes(from));
  return values;
}

} // namespace paddler
