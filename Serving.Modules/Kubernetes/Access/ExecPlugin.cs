using System.Text;
using System.Text.Json.Nodes;

namespace Serving.Kubernetes.Access;

/// <summary>A program that prints credentials: where it is configured, the command, and the version of the protocol.</summary>
/// <param name="File">The kubeconfig.</param>
/// <param name="Field">The field in it.</param>
/// <param name="Command">The command.</param>
/// <param name="Arguments">Its arguments.</param>
/// <param name="Environment">Additional environment variables.</param>
/// <param name="ApiVersion">The version of the protocol.</param>
/// <param name="ClusterInfo">The cluster, as JSON; null when the program does not request it.</param>
internal sealed record ExecPlugin(
    string File,
    string Field,
    string Command,
    IReadOnlyList<string> Arguments,
    IReadOnlyDictionary<string, string> Environment,
    string ApiVersion,
    string? ClusterInfo
)
{
    /// <summary>The cluster extension that is passed to plugins.</summary>
    private const string Extension = "client.authentication.k8s.io/exec";

    /// <summary>Whether it may prompt the user: <c>Never</c>, <c>IfAvailable</c> or <c>Always</c>.</summary>
    public string InteractiveMode { get; init; } = "IfAvailable";

    /// <summary>Installation instructions.</summary>
    public string InstallHint { get; init; } = "";

    /// <summary>The plugin of a user. Throws <see cref="KubernetesConfigurationException"/>.</summary>
    public static ExecPlugin Of(KubeconfigEntry user, JsonObject exec, KubeconfigEntry cluster)
    {
        string? Text(string name) => KubeconfigEntry.TextOf(exec, name);
        var command = Text("command") ?? throw user.Problem("exec.command", "is not set");
        var version = Text("apiVersion") ?? throw user.Problem("exec.apiVersion", "is not set");
        if (version is not ("client.authentication.k8s.io/v1" or "client.authentication.k8s.io/v1beta1"))
        {
            throw user.Problem("exec.apiVersion", $"\"{version}\" is not supported");
        }

        var environment = new Dictionary<string, string>();
        foreach (var variable in (exec["env"] as JsonArray ?? []).OfType<JsonObject>())
        {
            var name = KubeconfigEntry.TextOf(variable, "name") ?? throw user.Problem("exec.env", "has an entry without name");
            environment[name] = KubeconfigEntry.TextOf(variable, "value") ?? "";
        }

        var mode = Text("interactiveMode") ?? "IfAvailable";
        if (mode is not ("Never" or "IfAvailable" or "Always"))
        {
            throw user.Problem("exec.interactiveMode", $"\"{mode}\" is not Never, IfAvailable or Always");
        }

        return new ExecPlugin(
            user.File,
            user.Field("exec"),
            command.Contains('/', StringComparison.Ordinal) ? user.PathOf(command) : command,
            [.. (exec["args"] as JsonArray ?? []).Select(a => a?.ToString() ?? "")],
            environment,
            version,
            Text("provideClusterInfo") == "true" ? InfoOf(cluster) : null
        )
        {
            InteractiveMode = mode,
            InstallHint = Text("installHint") ?? "",
        };
    }

    /// <summary>The cluster info for a plugin: includes its extension for plugins, omits unset fields.</summary>
    private static string InfoOf(KubeconfigEntry cluster)
    {
        var info = new JsonObject { ["server"] = cluster.Text("server") };
        foreach (var name in new[] { "tls-server-name", "proxy-url" })
        {
            if (cluster.Text(name) is { } value)
            {
                info[name] = value;
            }
        }

        foreach (var name in new[] { "insecure-skip-tls-verify", "disable-compression" })
        {
            if (cluster.Flag(name))
            {
                info[name] = true;
            }
        }

        if (cluster.Pem("certificate-authority") is { } authority)
        {
            info["certificate-authority-data"] = Convert.ToBase64String(Encoding.UTF8.GetBytes(authority.Text));
        }

        foreach (
            var extension in (cluster.Body["extensions"] as JsonArray ?? [])
                .OfType<JsonObject>()
                .Where(entry => KubeconfigEntry.TextOf(entry, "name") == Extension)
        )
        {
            info["config"] = extension["extension"]?.DeepClone();
        }

        return info.ToJsonString();
    }
}
