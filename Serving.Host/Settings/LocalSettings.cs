using Microsoft.Extensions.Options;
using Serving.Host.Commands;
using Serving.Host.Local;

namespace Serving.Host.Settings;

/// <summary>The settings of <c>local</c>, as they are written. Manifests and images are of one run, and only on its command line.</summary>
internal sealed class LocalSettings
{
    /// <summary>Their section.</summary>
    public const string Section = "Local";

    /// <summary>Where the cluster keeps its state.</summary>
    public string DataDir { get; set; } = ".serving";

    /// <summary>Port of the Kubernetes API.</summary>
    public int ApiPort { get; set; } = 6443;

    /// <summary>Port of the gateway.</summary>
    public int GatewayPort { get; set; } = 8080;

    /// <summary>Which parts run, separated by commas.</summary>
    public string? Roles { get; set; }

    /// <summary>Plain lines instead of the live view.</summary>
    public bool Plain { get; set; }

    /// <summary>A file in which the API server notes every write.</summary>
    public string? AuditLog { get; set; }

    /// <summary>What the logs of all pods may take on disk.</summary>
    public string PodLogs { get; set; } = "1Gi";

    /// <summary>As the session takes them, once they are checked.</summary>
    /// <param name="manifests">What to apply.</param>
    /// <param name="images">Which program stands for which image.</param>
    /// <param name="isRedirected">Whether nobody watches the output.</param>
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
        };

    /// <summary>What each of them may be.</summary>
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
