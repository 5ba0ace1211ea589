using System.CommandLine;
using Serving.Host.Local;
using Serving.Kubernetes.Access;
using Serving.Kubernetes.Client;
using Serving.Kubernetes.StorageVersions;

namespace Serving.Host.Commands;

/// <summary><c>storage-migrate</c>: rewrites the objects of our kinds in their storage version; a step of every upgrade.</summary>
internal static class StorageMigrateCommand
{
    private static readonly string[] Groups =
    [
        "serving.knative.dev",
        "autoscaling.internal.knative.dev",
        "networking.internal.knative.dev",
        "caching.internal.knative.dev",
    ];

    public static Command Create()
    {
        var kubeconfig = new Option<FileInfo?>("--kubeconfig")
        {
            Description = "A kubeconfig file; default: KUBECONFIG, else the pod's service account, else ~/.kube/config.",
        };
        var context = new Option<string?>("--context") { Description = "The context of the kubeconfig to use." };
        var dryRun = new Option<bool>("--dry-run") { Description = "Let the server validate every write, and store nothing." };
        var concurrency = Bounded("--concurrency", "Number of concurrent writes.", 8, 64);
        var pageSize = Bounded("--page-size", "Page size of lists.", 500, 5000);
        var definitions = new Argument<string[]>("definitions")
        {
            Description = $"CustomResourceDefinitions, such as services.serving.knative.dev; default: all of {string.Join(", ", Groups)}.",
            Arity = ArgumentArity.ZeroOrMore,
        };
        var command = new Command(
            "storage-migrate",
            "Rewrites stored objects in the storage version of their kind, so that older versions can be dropped."
        )
        {
            kubeconfig,
            context,
            dryRun,
            concurrency,
            pageSize,
            definitions,
        };
        command.SetAction(
            (parsed, cancellation) =>
                RunAsync(
                    parsed.GetValue(kubeconfig)?.FullName,
                    parsed.GetValue(context),
                    parsed.GetValue(definitions) ?? [],
                    new StorageMigrationOptions
                    {
                        DryRun = parsed.GetValue(dryRun),
                        Concurrency = parsed.GetValue(concurrency),
                        PageSize = parsed.GetValue(pageSize),
                    },
                    cancellation
                )
        );
        return command;
    }

    private static async Task<int> RunAsync(
        string? kubeconfig,
        string? context,
        IReadOnlyList<string> definitions,
        StorageMigrationOptions options,
        CancellationToken cancellation
    )
    {
        using var signal = new TerminationSignal();
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation, signal.Token);
        try
        {
            using var client = new ClusterClient(ClusterAccess.Load(kubeconfig, context));
            var migrator = new StorageVersionMigrator(client, options, Console.WriteLine);
            var results =
                definitions.Count == 0
                    ? await migrator.MigrateGroupsAsync(Groups, stop.Token)
                    : await migrator.MigrateNamedAsync(definitions, stop.Token);
            if (results.Count == 0)
            {
                throw new UserErrorException(
                    $"the cluster has no CustomResourceDefinition of {string.Join(", ", Groups)}; install Serving first"
                );
            }

            var refused = results.Where(result => !result.IsComplete).Select(result => result.Definition).ToList();
            return refused.Count == 0
                ? ExitCode.Ok
                : throw new UserErrorException(
                    $"not migrated: {string.Join(", ", refused)}. Correct or delete the objects named above, then run this again; objects already written are kept."
                );
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            throw new UserErrorException("stopped before the end; run it again to continue, objects already written are kept.");
        }
        catch (KubernetesConfigurationException failure)
        {
            throw new UserErrorException(failure.Message, failure);
        }
        catch (KubernetesException failure)
        {
            throw new UserErrorException(
                $"the API server rejected a request: {failure.Message}. Run this again to continue, objects already written are kept.",
                failure
            );
        }
    }

    private static Option<int> Bounded(string name, string description, int value, int most)
    {
        var option = new Option<int>(name) { Description = description, DefaultValueFactory = _ => value };
        option.Validators.Add(result =>
        {
            if (result.Tokens is [var token] && (!int.TryParse(token.Value, out var number) || number < 1 || number > most))
            {
                result.AddError($"{name}: '{token.Value}' is not a number from 1 to {most}.");
            }
        });
        return option;
    }
}
