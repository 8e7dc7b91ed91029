#include "compiler/passes/reorder.h"

#include <algorithm>
#include <limits>
#include <numeric>
#include <queue>
#include <tuple>
#include <unordered_map>

#include "libmcunet/graph/operators.h"

namespace mcunet::compiler {
namespace {

template <typename T>
void add_once(std::vector<T>& list, T value) {
  if (std::find(list.begin(), list.end(), value) == list.end()) list.push_back(value);
}

// ---- what the graph means for memory

// Bytes that one buffer holds in every order: a tensor and the RESHAPEs of it.
struct Storage {
  int64_t bytes = 0;
  int writer = -1;    // operator; -1: a graph input
  bool kept = false;  // holds a graph output
  std::vector<int> readers;
};

struct Step {
  std::vector<int> before;         // operators whose results this one reads
  std::vector<int> reads, writes;  // storages
  std::vector<int> overwrites;     // those of `reads` that the result may replace byte by byte
  int64_t written = 0;             // bytes of `writes`
};

struct Problem {
  std::vector<Storage> storages;
  std::vector<Step> steps;
};

bool may_overwrite(const Tensor& from, const Tensor& to) {
  return from.byte_size() == to.byte_size() && from.elements() == to.elements();
}

Problem memory_problem(const Graph& graph) {
  Problem problem;
  std::vector<int> storage(graph.tensors.size(), -1);
  const std::vector<int> producer = producers(graph);
  const auto create = [&](TensorId id, int writer) {
    storage[static_cast<size_t>(id)] = static_cast<int>(problem.storages.size());
    problem.storages.push_back(
        {static_cast<int64_t>(graph.tensor(id).byte_size()), writer, false, {}});
    return storage[static_cast<size_t>(id)];
  };
  for (const TensorId id : graph.inputs) create(id, -1);
  problem.steps.resize(graph.ops.size());
  for (size_t i = 0; i < graph.ops.size(); ++i) {
    const Op& op = graph.ops[i];
    Step& step = problem.steps[i];
    // SOFTMAX reads a row before it writes it.
    const bool overwriting = operator_info(op.kind).elementwise || op.kind == OpKind::Softmax;
    for (const TensorId id : op.inputs) {
      const int read = storage[static_cast<size_t>(id)];
      if (read < 0) continue;  // a constant
      const int source = producer[static_cast<size_t>(id)];
      if (source >= 0) add_once(step.before, source);
      add_once(step.reads, read);
      if (overwriting && may_overwrite(graph.tensor(id), graph.output(op)))
        add_once(step.overwrites, read);
    }
    for (const int read : step.reads)
      problem.storages[static_cast<size_t>(read)].readers.push_back(static_cast<int>(i));
    if (op.kind == OpKind::Reshape && !step.reads.empty()) {
      storage[static_cast<size_t>(op.outputs[0])] = step.reads[0];
      continue;
    }
    for (const TensorId id : op.outputs) {
      step.writes.push_back(create(id, static_cast<int>(i)));
      step.written += static_cast<int64_t>(graph.tensor(id).byte_size());
    }
  }
  for (const TensorId id : graph.outputs)
    problem.storages[static_cast<size_t>(storage[static_cast<size_t>(id)])].kept = true;
  return problem;
}

// The bytes alive after a set of operators has run. In which order they ran does not matter.
class Memory {
 public:
  explicit Memory(const Problem& problem) : problem_(problem) {
    for (const Storage& storage : problem.storages) {
      unread_.push_back(static_cast<int>(storage.readers.size()));
      if (storage.writer < 0) given_ += storage.bytes;
      if (storage.writer < 0 && needed_later(storage)) alive_ += storage.bytes;
    }
  }

  int64_t given() const { return given_; }  // the graph inputs, at the start
  int64_t alive() const { return alive_; }

  int64_t while_running(int op) const {
    const Step& step = problem_.steps[static_cast<size_t>(op)];
    const bool in_place = std::any_of(step.overwrites.begin(), step.overwrites.end(),
                                      [&](int storage) { return dies(storage); });
    return alive_ + (in_place ? 0 : step.written);
  }

  // What is alive afterwards less what is alive before. The more operators have run, the less.
  int64_t growth(int op) const {
    const Step& step = problem_.steps[static_cast<size_t>(op)];
    int64_t bytes = 0;
    for (const int id : step.writes) {
      const Storage& storage = problem_.storages[static_cast<size_t>(id)];
      if (needed_later(storage)) bytes += storage.bytes;
    }
    for (const int id : step.reads) {
      if (dies(id)) bytes -= problem_.storages[static_cast<size_t>(id)].bytes;
    }
    return bytes;
  }

  void run(int op) {
    alive_ += growth(op);
    for (const int id : problem_.steps[static_cast<size_t>(op)].reads)
      --unread_[static_cast<size_t>(id)];
  }

  // Undoes run(); operators are taken back in the reverse order.
  void take_back(int op) {
    for (const int id : problem_.steps[static_cast<size_t>(op)].reads)
      ++unread_[static_cast<size_t>(id)];
    alive_ -= growth(op);
  }

 private:
  static bool needed_later(const Storage& storage) {
    return storage.kept || !storage.readers.empty();
  }
  // With the operator that reads it next.
  bool dies(int storage) const {
    return unread_[static_cast<size_t>(storage)] == 1 &&
           !problem_.storages[static_cast<size_t>(storage)].kept;
  }

  const Problem& problem_;
  std::vector<int> unread_;  // per storage, readers that have not run
  int64_t alive_ = 0, given_ = 0;
};

// ---- segments

// Operators [first, last) between two that stand at the same place in every order. Segments do not
// depend on each other's order.
struct Segment {
  int first = 0, last = 0;
  int64_t peak = 0;        // bytes, in the given order
  std::vector<int> order;  // empty: the given one
};

std::vector<Segment> free_segments(const Problem& problem) {
  const int count = static_cast<int>(problem.steps.size());
  std::vector<int> next(problem.steps.size(), count);          // the first operator that needs it
  std::vector<int> earliest(problem.steps.size() + 1, count);  // that any later one needs last
  for (int i = count - 1; i >= 0; --i) {
    int latest = -1;
    for (const int before : problem.steps[static_cast<size_t>(i)].before) {
      latest = std::max(latest, before);
      next[static_cast<size_t>(before)] = i;
    }
    earliest[static_cast<size_t>(i)] = std::min(earliest[static_cast<size_t>(i) + 1], latest);
  }
  std::vector<Segment> segments;
  int latest_next = 0;
  for (int i = 0; i < count; ++i) {
    // All before it lead to it and it leads to all behind it.
    const bool fixed = latest_next <= i && earliest[static_cast<size_t>(i) + 1] >= i;
    latest_next = std::max(latest_next, next[static_cast<size_t>(i)]);
    if (fixed) continue;
    if (segments.empty() || segments.back().last != i) segments.push_back({i, i, 0, {}});
    segments.back().last = i + 1;
  }
  return segments;
}

// ---- search inside one segment

// Operators of a segment, by their distance from its first.
class OpSet {
 public:
  explicit OpSet(size_t count) : words_((count + 63) / 64) {}
  bool has(size_t i) const { return (words_[i / 64] >> (i % 64) & 1) != 0; }
  void insert(size_t i) { words_[i / 64] |= uint64_t{1} << (i % 64); }
  void insert(const OpSet& other) {
    for (size_t i = 0; i < words_.size(); ++i) words_[i] |= other.words_[i];
  }
  bool operator==(const OpSet& other) const { return words_ == other.words_; }
  size_t hash() const {
    uint64_t value = 0;
    for (const uint64_t word : words_) {
      value = (value ^ word) * 0x9E3779B97F4A7C15U;
      value ^= value >> 32;
    }
    return static_cast<size_t>(value);
  }

 private:
  std::vector<uint64_t> words_;
};

struct OpSetHash {
  size_t operator()(const OpSet& set) const { return set.hash(); }
};

// A set of executed operators and the best way to it that is known.
struct Node {
  OpSet done;
  int parent = -1;  // node
  int op = -1;      // that made it from its parent
  int depth = 0;    // operators executed
  int64_t peak = 0, alive = 0;
  int64_t exchanged = 0;  // pairs of operators in another order than given
};

struct Found {
  std::vector<int> order;  // empty: none
  int64_t peak = 0;        // of the order
  int64_t proved = 0;      // no order of the segment needs less; 0: nothing proved
  bool complete = true;    // the search was not cut short
};

class SegmentSearch {
 public:
  // `memory` as it is before the segment; it is the same again after every call.
  SegmentSearch(const Problem& problem, Memory& memory, const Segment& segment)
      : problem_(problem),
        memory_(memory),
        first_(segment.first),
        size_(static_cast<size_t>(segment.last - segment.first)) {}

  // Bytes that no order can avoid: each operator with the tensors that must be alive beside it.
  int64_t lower_bound();

  // The least peak; what is below `floor` is of no interest, nor is what is not below `limit`.
  Found least_peak(int64_t floor, int64_t limit, size_t states) {
    return best_first(floor, limit - 1, states, true,
                      [floor](const Node& node) { return std::max(node.peak, floor); });
  }
  // The order with the fewest exchanged pairs whose peak is at most `limit`.
  Found closest(int64_t limit, size_t states) {
    return best_first(limit, limit, states, false, [](const Node& node) { return node.exchanged; });
  }
  // A good order below `limit`, if it comes across one.
  Found beam(int64_t floor, int64_t limit, size_t width);

 private:
  bool ready(const OpSet& done, size_t local) const {
    const Step& step = problem_.steps[static_cast<size_t>(first_) + local];
    return std::all_of(step.before.begin(), step.before.end(), [&](int before) {
      return before < first_ || done.has(static_cast<size_t>(before - first_));
    });
  }

  Node root() const {
    Node node{OpSet(size_)};
    node.alive = memory_.alive();
    return node;
  }
  std::vector<Node> successors(const Node& node, int index, int64_t floor, bool dominate);
  template <typename Key>
  Found best_first(int64_t floor, int64_t limit, size_t states, bool dominate, const Key& key);
  std::vector<int> path(const std::vector<Node>& nodes, int index) const {
    std::vector<int> order;
    for (; nodes[static_cast<size_t>(index)].parent >= 0;
         index = nodes[static_cast<size_t>(index)].parent)
      order.push_back(nodes[static_cast<size_t>(index)].op);
    std::reverse(order.begin(), order.end());
    return order;
  }

  const Problem& problem_;
  Memory& memory_;
  int first_;
  size_t size_;
};

int64_t SegmentSearch::lower_bound() {
  std::vector<OpSet> reached(size_, OpSet(size_));  // by each operator; itself included
  for (size_t i = size_; i-- > 0;) {
    reached[i].insert(i);
    for (const int before : problem_.steps[static_cast<size_t>(first_) + i].before) {
      if (before >= first_) reached[static_cast<size_t>(before - first_)].insert(reached[i]);
    }
  }
  std::vector<int> touched;
  for (size_t i = 0; i < size_; ++i) {
    const Step& step = problem_.steps[static_cast<size_t>(first_) + i];
    touched.insert(touched.end(), step.reads.begin(), step.reads.end());
    touched.insert(touched.end(), step.writes.begin(), step.writes.end());
  }
  std::sort(touched.begin(), touched.end());
  touched.erase(std::unique(touched.begin(), touched.end()), touched.end());
  int64_t untouched = memory_.alive();
  for (const int id : touched) {
    const Storage& storage = problem_.storages[static_cast<size_t>(id)];
    if (storage.writer < first_) untouched -= storage.bytes;
  }
  const int last = first_ + static_cast<int>(size_);
  const auto needed_after = [&](const Storage& storage, size_t op, bool with_op) {
    return storage.kept || std::any_of(storage.readers.begin(), storage.readers.end(), [&](int r) {
             if (r >= last) return true;
             const auto reader = static_cast<size_t>(r - first_);
             return r >= first_ && (with_op || reader != op) && reached[op].has(reader);
           });
  };
  int64_t bound = memory_.alive();
  for (size_t op = 0; op < size_; ++op) {
    const Step& step = problem_.steps[static_cast<size_t>(first_) + op];
    int64_t bytes = untouched;
    for (const int id : touched) {
      const Storage& storage = problem_.storages[static_cast<size_t>(id)];
      const int writer = storage.writer - first_;
      if (writer == static_cast<int>(op)) continue;
      const bool written = writer < 0 || reached[static_cast<size_t>(writer)].has(op);
      if (written && needed_after(storage, op, true)) bytes += storage.bytes;
    }
    const bool in_place = std::any_of(step.overwrites.begin(), step.overwrites.end(), [&](int id) {
      return !needed_after(problem_.storages[static_cast<size_t>(id)], op, false);
    });
    bound = std::max(bound, bytes + (in_place ? 0 : step.written));
  }
  return bound;
}

std::vector<Node> SegmentSearch::successors(const Node& node, int index, int64_t floor,
                                            bool dominate) {
  for (size_t i = 0; i < size_; ++i) {
    if (node.done.has(i)) memory_.run(first_ + static_cast<int>(i));
  }
  std::vector<Node> next;
  int64_t skipped = 0;
  for (size_t i = 0; i < size_; ++i) {
    if (node.done.has(i)) continue;
    if (ready(node.done, i)) {
      const int op = first_ + static_cast<int>(i);
      Node child{node.done};
      child.done.insert(i);
      child.parent = index;
      child.op = op;
      child.depth = node.depth + 1;
      child.peak = std::max(node.peak, memory_.while_running(op));
      child.alive = memory_.alive() + memory_.growth(op);
      child.exchanged = node.exchanged + skipped;
      // An operator that needs no new peak and leaves no more behind than it found can go first
      // without harm: moved to the front of any order it raises nothing, as growth() only falls.
      if (dominate && child.peak <= std::max(node.peak, floor) && child.alive <= node.alive) {
        next.clear();
        next.push_back(std::move(child));
        break;
      }
      next.push_back(std::move(child));
    }
    ++skipped;
  }
  for (size_t i = size_; i-- > 0;) {
    if (node.done.has(i)) memory_.take_back(first_ + static_cast<int>(i));
  }
  return next;
}

// Dijkstra over sets of executed operators. `key` never falls along an order; among equals the
// longest order goes on.
template <typename Key>
Found SegmentSearch::best_first(int64_t floor, int64_t limit, size_t states, bool dominate,
                                const Key& key) {
  using Entry = std::tuple<int64_t, int, int64_t, int>;  // key, -depth, exchanged, node
  std::priority_queue<Entry, std::vector<Entry>, std::greater<>> open;
  std::unordered_map<OpSet, int64_t, OpSetHash> best;
  std::vector<Node> nodes{root()};
  open.push({key(nodes[0]), 0, 0, 0});
  size_t expanded = 0;
  while (!open.empty()) {
    const auto [cost, minus_depth, exchanged, index] = open.top();
    open.pop();
    const Node& node = nodes[static_cast<size_t>(index)];
    const auto known = best.find(node.done);
    if (known != best.end() && known->second < cost) continue;
    const int64_t proved = cost > floor ? cost : 0;
    if (static_cast<size_t>(node.depth) == size_)
      return {path(nodes, index), node.peak, proved, true};
    if (expanded++ == states) return {{}, 0, proved, false};
    for (Node& next : successors(node, index, floor, dominate)) {
      if (next.peak > limit) continue;
      const int64_t next_cost = key(next);
      const auto [place, fresh] = best.emplace(next.done, next_cost);
      if (!fresh && place->second <= next_cost) continue;
      place->second = next_cost;
      open.push({next_cost, -next.depth, next.exchanged, static_cast<int>(nodes.size())});
      nodes.push_back(std::move(next));
    }
  }
  return {{}, 0, limit + 1, true};
}

Found SegmentSearch::beam(int64_t floor, int64_t limit, size_t width) {
  std::vector<Node> nodes{root()};
  std::vector<int> level{0};
  const auto rank = [&](int index) {
    const Node& node = nodes[static_cast<size_t>(index)];
    return std::make_tuple(std::max(node.peak, floor), node.alive, node.exchanged, index);
  };
  for (size_t depth = 0; depth < size_ && !level.empty(); ++depth) {
    std::unordered_map<OpSet, size_t, OpSetHash> places;  // in `wider`
    std::vector<int> wider;
    for (const int index : level) {
      for (Node& next : successors(nodes[static_cast<size_t>(index)], index, floor, true)) {
        if (next.peak >= limit) continue;
        const int fresh = static_cast<int>(nodes.size());
        const auto [place, is_new] = places.emplace(next.done, wider.size());
        nodes.push_back(std::move(next));
        if (is_new) {
          wider.push_back(fresh);
        } else if (rank(fresh) < rank(wider[place->second])) {
          wider[place->second] = fresh;
        }
      }
    }
    std::sort(wider.begin(), wider.end(), [&](int a, int b) { return rank(a) < rank(b); });
    if (wider.size() > width) wider.resize(width);
    level = std::move(wider);
  }
  if (level.empty()) return {{}, 0, 0, false};
  return {path(nodes, level[0]), nodes[static_cast<size_t>(level[0])].peak, 0, false};
}

// ---- the whole graph

// Calls visit(memory before the segment, segment).
template <typename Visit>
void for_each_segment(const Problem& problem, std::vector<Segment>& segments, const Visit& visit) {
  Memory memory(problem);
  int done = 0;
  for (Segment& segment : segments) {
    for (; done < segment.first; ++done) memory.run(done);
    visit(memory, segment);
  }
}

// Sets the segments' peaks. Returns a bound for the graph: the peak outside of the segments, and
// what no order of a segment avoids.
int64_t measure(const Problem& problem, std::vector<Segment>& segments) {
  Memory memory(problem);
  int64_t bound = memory.given();
  auto segment = segments.begin();
  for (int op = 0; op < static_cast<int>(problem.steps.size()); ++op) {
    while (segment != segments.end() && op >= segment->last) ++segment;
    const bool fixed = segment == segments.end() || op < segment->first;
    int64_t& peak = fixed ? bound : segment->peak;
    peak = std::max(peak, memory.while_running(op));
    memory.run(op);
  }
  for_each_segment(problem, segments, [&](Memory& before, const Segment& part) {
    bound = std::max(bound, SegmentSearch(problem, before, part).lower_bound());
  });
  return bound;
}

std::vector<Op> in_order(std::vector<Op> ops, const std::vector<Segment>& segments) {
  std::vector<int> order(ops.size());
  std::iota(order.begin(), order.end(), 0);
  for (const Segment& segment : segments)
    std::copy(segment.order.begin(), segment.order.end(), order.begin() + segment.first);
  std::vector<Op> ordered;
  ordered.reserve(ops.size());
  for (const int op : order) ordered.push_back(std::move(ops[static_cast<size_t>(op)]));
  return ordered;
}

}  // namespace

Reordered reorder_for_memory(Graph graph, const ReorderLimits& limits) {
  const Problem problem = memory_problem(graph);
  std::vector<Segment> segments = free_segments(problem);
  int64_t proved = measure(problem, segments);
  int64_t peak = proved;  // of all that has been looked at so far
  for_each_segment(problem, segments, [&](Memory& memory, Segment& segment) {
    if (segment.peak <= peak) return;
    SegmentSearch search(problem, memory, segment);
    Found found = search.least_peak(peak, segment.peak, limits.states);
    proved = std::max(proved, found.proved);
    if (!found.complete) found = search.beam(peak, segment.peak, limits.beam);
    segment.order = found.order;
    peak = std::max(peak, found.order.empty() ? segment.peak : found.peak);
  });
  for_each_segment(problem, segments, [&](Memory& memory, Segment& segment) {
    if (segment.order.empty()) return;
    if (segment.peak <= peak) return segment.order.clear();  // another segment needs as much
    Found found = SegmentSearch(problem, memory, segment).closest(peak, limits.states);
    if (!found.order.empty()) segment.order = std::move(found.order);
  });
  graph.ops = in_order(std::move(graph.ops), segments);
  return {std::move(graph), peak, proved == peak};
}

}  // namespace mcunet::compiler
