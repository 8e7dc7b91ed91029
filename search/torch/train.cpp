#include "search/torch/train.h"

#include "libmcunet/netspec/write.h"
#include "libmcunet/support/error.h"
#include "search/torch/loop.h"

namespace mcunet::search {
namespace {

// The weights to begin with: given ones where they fit, and a new head where only that does not.
Parameters starting_point(const TrainJob& job) {
  Parameters parameters = initial_parameters(job.network, job.options.seed);
  if (job.start.empty()) return parameters;
  std::vector<std::string> problems;
  const Parameters given = from_state_dict(job.start);
  for (auto& [name, value] : parameters) {
    const auto found = given.find(name);
    const bool head = name.rfind("classifier.", 0) == 0;
    if (found != given.end() && found->second.sizes() == value.sizes()) {
      value = found->second;
    } else if (found == given.end()) {
      problems.push_back("the weights to begin with have no '" + name + "'");
    } else if (!head) {
      problems.push_back("the weights to begin with have another shape of '" + name + "'");
    }
  }
  if (!problems.empty()) throw Error(ErrorKind::Input, std::move(problems));
  return parameters;
}

}  // namespace

TrainResult train_with_torch(const TrainJob& job, const TrainHooks& hooks) {
  const std::unique_ptr<Communicator> processes = processes_from_environment();
  const netspec::NetworkDescription& network = job.network;
  Objective objective;
  objective.gradients = [&](const Batch& batch, Parameters& leaves, Communicator& workers, int64_t,
                            double) {
    // The running moments are shared by the threads of a process; one of them keeps them.
    const bool keeps = workers.rank() % (workers.size() / processes->size()) == 0;
    OwnLayers layers(network.bn, leaves, workers, keeps ? NormMode::Running : NormMode::Batch,
                     job.options.quantized);
    const at::Tensor loss =
        cross_entropy(run_network(network, batch.images, layers), batch.targets, batch.size);
    loss.backward();
    return loss.item<double>();
  };
  objective.judge = [&](Parameters& parameters, Communicator& workers) {
    OwnLayers layers(network.bn, parameters, workers, NormMode::Fixed, job.options.quantized);
    return accuracy_of(*job.validation, workers, [&](const at::Tensor& images) {
      return run_network(network, images.to(parameters.begin()->second.device()), layers);
    });
  };
  const std::string identity =
      netspec::write_description(network) + identity_of(job.options, *job.train, *job.validation);
  return run_training(starting_point(job), job, identity, objective, hooks, *processes);
}

}  // namespace mcunet::search
