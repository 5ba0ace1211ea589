using System.Globalization;
using Serving.Host.Cluster;
using Serving.Host.Local;
using Serving.Kubernetes.Hosting;
using Serving.StatusPages.Sources;

namespace Serving.Host.Settings;

/// <summary>The settings that a process runs with, for display: those that were read, what stands in for those that nobody set, and the
/// variables that name the process.</summary>
internal static class EffectiveSettings
{
    /// <summary>The settings of <c>local</c>.</summary>
    /// <param name="options">What it runs with.</param>
    /// <param name="settings">The settings as they were read.</param>
    public static IEnumerable<ProcessSetting> Of(LocalOptions options, IReadOnlyList<ProcessSetting> settings) =>
        settings.Select(setting =>
            setting is { Name: "--roles", Value: "" } ? setting with { Value = string.Join(", ", options.Roles) } : setting
        );

    /// <summary>The settings of <c>run</c>.</summary>
    /// <param name="options">The settings as they were read.</param>
    /// <param name="environment">What the process found out about itself.</param>
    /// <param name="isPod">Whether it uses the account of its pod.</param>
    /// <param name="drainDelay">The delay in effect.</param>
    /// <param name="variable">An environment variable; null when it is not set.</param>
    public static IEnumerable<ProcessSetting> Of(
        ClusterOptions options,
        ClusterEnvironment environment,
        bool isPod,
        TimeSpan drainDelay,
        Func<string, string?> variable
    )
    {
        foreach (var setting in options.Settings)
            yield return setting.Value.Length > 0 ? setting : setting with { Value = EffectiveValue(setting.Name) };
        yield return Variable("POD_NAME", environment.PodName);
        yield return Variable("POD_IP", environment.PodIP.ToString());
        yield return Variable("SYSTEM_NAMESPACE", environment.SystemNamespace);
        yield return Variable("CLUSTER_DOMAIN", environment.ClusterDomain);

        string EffectiveValue(string name) =>
            name switch
            {
                "--modules" => string.Join(", ", options.Modules),
                "--bind" => environment.ListenAddress.ToString(),
                "--drain-delay" => drainDelay.TotalSeconds.ToString(CultureInfo.InvariantCulture),
                "--kubeconfig" when isPod => "the account of the pod",
                _ => "",
            };

        ProcessSetting Variable(string name, string value) =>
            new(name, value, variable(name) is null ? ProcessSetting.Default : $"environment: {name}");
    }
}
