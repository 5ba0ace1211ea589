using System.CommandLine;
using Serving.Host.Local;
using Serving.Host.Settings;

namespace Serving.Host.Commands;

/// <summary><c>local</c>: the embedded cluster and its control plane on one machine.</summary>
internal static class LocalCommand
{
    /// <summary>The default limit of all pods' logs together.</summary>
    public const string DefaultPodLogs = "1Gi";

    /// <summary>The smallest limit that is allowed.</summary>
    public const string LeastPodLogs = "1Mi";

    public static Command Create()
    {
        var dataDirectory = new Option<DirectoryInfo>("--data-dir")
        {
            Description = "The directory for the cluster's state, its kubeconfig and the pods' logs.",
            DefaultValueFactory = _ => new DirectoryInfo(".serving"),
        };
        var apiPort = PortOption.Create("--api-port", "Port of the Kubernetes API on 127.0.0.1.", 6443);
        var gatewayPort = PortOption.Create("--gateway-port", "Port of the gateway on 127.0.0.1.", 8080);
        var apply = new Option<string[]>("--apply")
        {
            Description = "A manifest to apply when the cluster is ready; repeatable.",
            Arity = ArgumentArity.OneOrMore,
        };
        var image = new Option<string[]>("--image")
        {
            Description = "The program to run for an image, as GLOB=COMMAND; repeatable.",
            Arity = ArgumentArity.OneOrMore,
        };
        var roles = new Option<string[]>("--roles")
        {
            Description = "The parts to run: apiserver, node, controlplane.",
            DefaultValueFactory = _ => [.. LocalOptions.AllRoles],
            CustomParser = result => [.. result.Tokens.SelectMany(token => token.Value.Split(',', StringSplitOptions.RemoveEmptyEntries))],
        };
        roles.Validators.Add(result =>
        {
            foreach (var role in result.Tokens.SelectMany(token => token.Value.Split(',', StringSplitOptions.RemoveEmptyEntries)))
            {
                if (!LocalOptions.AllRoles.Contains(role))
                {
                    result.AddError($"--roles: '{role}' is not one of {string.Join(", ", LocalOptions.AllRoles)}.");
                }
            }
        });
        var plain = new Option<bool>("--plain") { Description = "Plain lines instead of the live view." };

        var statusPages = new Option<bool>("--status-pages")
        {
            Description = "Whether the control plane serves status pages, whose address is printed at the start.",
            DefaultValueFactory = _ => true,
        };
        var auditLog = new Option<FileInfo?>("--audit-log")
        {
            Description = "A file to which the API server logs every write, as audit.k8s.io/v1 Events.",
        };
        var podLogs = SizeOption.Create(
            "--pod-logs",
            "Disk limit for the logs of all pods, such as 500Mi; the oldest are deleted first.",
            DefaultPodLogs,
            LeastPodLogs
        );

        var command = new Command(
            "local",
            "Runs Knative on this machine: an embedded Kubernetes API, a node that runs pods as processes, and the control plane."
        )
        {
            dataDirectory,
            apiPort,
            gatewayPort,
            apply,
            image,
            roles,
            plain,
            statusPages,
            auditLog,
            podLogs,
        };
        command.SetAction(
            async (parsed, cancellation) =>
            {
                var settings = SettingsReader.Read(LocalSettings.Section, parsed, new LocalSettings.Validator());
                var options = settings.ToOptions(parsed.GetValue(apply) ?? [], parsed.GetValue(image) ?? [], Console.IsOutputRedirected);
                var shown = SettingsReader.Describe(LocalSettings.Section, parsed, settings);
                options = options with { Settings = [.. EffectiveSettings.Of(options, shown)] };
                return await new LocalSession(options).RunAsync(cancellation);
            }
        );
        return command;
    }
}
