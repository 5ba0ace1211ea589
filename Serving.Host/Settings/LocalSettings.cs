using Microsoft.Extensions.Options;
using Serving.Host.Commands;
using Serving.Host.Local;

namespace Serving.Host.Settings;

/// <summary>The settings of <c>local</c>, as text. Manifests and images belong to one run and are accepted on the command line
/// only.</summary>
internal sealed class LocalSettings
{
    /// <summary>The configuration section.</summary>
    public const string Section = "Local";

    /// <summary>The directory of the cluster's state.</summary>
    public string DataDir { get; set; } = ".serving";

    /// <summary>Port of the Kubernetes API.</summary>
    public int ApiPort { get; set; } = 6443;

    /// <summary>Port of the gateway.</summary>
    public int GatewayPort { get; set; } = 8080;

    /// <summary>The parts to run, separated by commas.</summary>
    public string? Roles { get; set; }

    /// <summary>Plain lines instead of the live view.</summary>
    public bool Plain { get; set; }

    /// <summary>The API server's audit log file.</summary>
    public string? AuditLog { get; set; }

    /// <summary>The limit on disk of all pods' logs together.</summary>
    public string PodLogs { get; set; } = "1Gi";

    /// <summary>Whether the control plane serves its status pages.</summary>
    public bool StatusPages { get; set; } = true;

    /// <summary>Converts validated settings to options.</summary>
    /// <param name="manifests">The files to apply.</param>
    /// <param name="images">The image map.</param>
    /// <param name="isRedirected">Whether the output is redirected.</param>
    public LocalOptions ToOptions(IReadOnlyList<string> manifests, IReadOnlyList<string> images, bool isRedirected) =>
        new(
            Path.GetFullPath(DataDir),
            ApiPort,
            GatewayPort,
            manifests,
            images,
            Roles is null ? LocalOptions.AllRoles : Rules.Names(Roles),
            Plain || isRedirected
        )
        {
            AuditLog = AuditLog is null ? null : Path.GetFullPath(AuditLog),
            PodLogBytes = SizeOption.Bytes(PodLogs),
            StatusPages = StatusPages,
        };

    /// <summary>Validates the settings.</summary>
    internal sealed class Validator : IValidateOptions<LocalSettings>
    {
        public ValidateOptionsResult Validate(string? name, LocalSettings options)
        {
            string?[] problems =
            [
                Rules.Port($"{Section}:{nameof(ApiPort)}", options.ApiPort),
                Rules.Port($"{Section}:{nameof(GatewayPort)}", options.GatewayPort),
                Rules.OneOf($"{Section}:{nameof(Roles)}", options.Roles, LocalOptions.AllRoles),
                SizeOption.Problem($"{Section}:{nameof(PodLogs)}", options.PodLogs, LocalCommand.LeastPodLogs, LocalCommand.DefaultPodLogs),
            ];
            return problems.Any(static problem => problem is not null)
                ? ValidateOptionsResult.Fail(problems.OfType<string>())
                : ValidateOptionsResult.Success;
        }
    }
}
