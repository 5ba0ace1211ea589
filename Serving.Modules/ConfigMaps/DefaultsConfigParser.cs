using Serving.Api.Config;
using Serving.Api.Core;
using Serving.Templates;
using static System.FormattableString;

namespace Serving.ConfigMaps;

/// <summary>Parses config-defaults.</summary>
public static class DefaultsConfigParser
{
    /// <summary>The ConfigMap's name.</summary>
    public const string Name = "config-defaults";

    /// <summary>Parses and validates the data. Throws <see cref="ConfigMapException"/>.</summary>
    public static DefaultsConfig Parse(IReadOnlyDictionary<string, string> data)
    {
        var from = new ConfigData(Name, data);
        var d = DefaultsConfig.Default;
        var timeout = from.Int64("revision-timeout-seconds", d.RevisionTimeoutSeconds);
        var config = new DefaultsConfig
        {
            RevisionTimeoutSeconds = timeout,
            MaxRevisionTimeoutSeconds = from.Int64("max-revision-timeout-seconds", d.MaxRevisionTimeoutSeconds),
            RevisionIdleTimeoutSeconds = from.Int64("revision-idle-timeout-seconds", d.RevisionIdleTimeoutSeconds),
            RevisionResponseStartTimeoutSeconds = from.Int64("revision-response-start-timeout-seconds", timeout),
            RevisionCpuRequest = from.Amount("revision-cpu-request", null),
            RevisionMemoryRequest = from.Amount("revision-memory-request", null),
            RevisionEphemeralStorageRequest = from.Amount("revision-ephemeral-storage-request", null),
            RevisionCpuLimit = from.Amount("revision-cpu-limit", null),
            RevisionMemoryLimit = from.Amount("revision-memory-limit", null),
            RevisionEphemeralStorageLimit = from.Amount("revision-ephemeral-storage-limit", null),
            ContainerConcurrency = from.Int64("container-concurrency", d.ContainerConcurrency),
            ContainerConcurrencyMaxLimit = from.Int64("container-concurrency-max-limit", d.ContainerConcurrencyMaxLimit),
            AllowContainerConcurrencyZero = from.Bool("allow-container-concurrency-zero", d.AllowContainerConcurrencyZero),
            EnableServiceLinks = TriState(from, "enable-service-links", d.EnableServiceLinks),
            ContainerNameTemplate = from.Raw.GetValueOrDefault("container-name-template", d.ContainerNameTemplate),
            InitContainerNameTemplate = from.Raw.GetValueOrDefault("init-container-name-template", d.InitContainerNameTemplate),
        };
        Check(from, config);
        return config with
        {
            UserContainerName = Namer(from, "container-name-template", config.ContainerNameTemplate),
            InitContainerName = Namer(from, "init-container-name-template", config.InitContainerNameTemplate),
        };
    }

    private static void Check(ConfigData from, DefaultsConfig c)
    {
        from.Require(
            c.RevisionTimeoutSeconds >= 1,
            "revision-timeout-seconds",
            Invariant($"revision-timeout-seconds ({c.RevisionTimeoutSeconds}) must be at least 1")
        );
        from.Require(
            c.RevisionTimeoutSeconds <= c.MaxRevisionTimeoutSeconds,
            "revision-timeout-seconds",
            Invariant(
                $"revision-timeout-seconds ({c.RevisionTimeoutSeconds}) cannot be greater than max-revision-timeout-seconds ({c.MaxRevisionTimeoutSeconds})"
            )
        );
        from.Require(
            c.RevisionResponseStartTimeoutSeconds >= 0,
            "revision-response-start-timeout-seconds",
            Invariant(
                $"revision-response-start-timeout-seconds ({c.RevisionResponseStartTimeoutSeconds}) must not be negative; 0 means no limit"
            )
        );
        from.Require(
            c.RevisionIdleTimeoutSeconds >= 0,
            "revision-idle-timeout-seconds",
            Invariant($"revision-idle-timeout-seconds ({c.RevisionIdleTimeoutSeconds}) must not be negative; 0 means no limit")
        );
        from.Require(
            c.RevisionResponseStartTimeoutSeconds <= 0 || c.RevisionResponseStartTimeoutSeconds <= c.RevisionTimeoutSeconds,
            "revision-response-start-timeout-seconds",
            Invariant(
                $"revision-response-start-timeout-seconds ({c.RevisionResponseStartTimeoutSeconds}) cannot be greater than revision-timeout-seconds ({c.RevisionTimeoutSeconds})"
            )
        );
        from.Require(
            c.RevisionIdleTimeoutSeconds <= 0 || c.RevisionIdleTimeoutSeconds <= c.RevisionTimeoutSeconds,
            "revision-idle-timeout-seconds",
            Invariant(
                $"revision-idle-timeout-seconds ({c.RevisionIdleTimeoutSeconds}) cannot be greater than revision-timeout-seconds ({c.RevisionTimeoutSeconds})"
            )
        );
        from.Require(
            c.ContainerConcurrencyMaxLimit >= 1,
            "container-concurrency-max-limit",
            Invariant($"expected 1 <= {c.ContainerConcurrencyMaxLimit} <= {int.MaxValue}: container-concurrency-max-limit")
        );
        from.Require(
            c.ContainerConcurrency >= 0 && c.ContainerConcurrency <= c.ContainerConcurrencyMaxLimit,
            "container-concurrency",
            Invariant($"expected 0 <= {c.ContainerConcurrency} <= {c.ContainerConcurrencyMaxLimit}: container-concurrency")
        );
        from.RequireWithin("revision-cpu-request", c.RevisionCpuRequest, "revision-cpu-limit", c.RevisionCpuLimit);
        from.RequireWithin("revision-memory-request", c.RevisionMemoryRequest, "revision-memory-limit", c.RevisionMemoryLimit);
        from.RequireWithin(
            "revision-ephemeral-storage-request",
            c.RevisionEphemeralStorageRequest,
            "revision-ephemeral-storage-limit",
            c.RevisionEphemeralStorageLimit
        );
    }

    private static bool? TriState(ConfigData from, string key, bool? fallback) =>
        from.Raw.TryGetValue(key, out var text)
            ? text.Equals("true", StringComparison.OrdinalIgnoreCase)
                ? true
                : text.Equals("false", StringComparison.OrdinalIgnoreCase)
                    ? false
                    : null
            : fallback;

    private static Func<ObjectMeta, string> Namer(ConfigData from, string key, string text)
    {
        try
        {
            var template = Template.Parse("container-template", text);
            template.Execute(TemplateData.Of(new ObjectMeta()));
            var sample = template.Execute(TemplateData.Of(new ObjectMeta { Name = "foo", Namespace = "bar" }));

            // What depends on labels and annotations may be incomplete here; the rest must be valid in a container name.
            var isFixed = !text.Contains("{{", StringComparison.Ordinal);
            from.Require(
                isFixed
                    ? LabelSyntax.IsLabel(sample)
                    : sample.All(static c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c == '-'),
                key,
                $"{key} gives {GoValues.Quote(sample)}, which is no name of a container: it must consist of lower case letters, digits and '-'"
            );
            return meta => Apply(template, meta);
        }
        catch (TemplateException wrong)
        {
            throw from.Refuse(key, "error executing template: " + wrong.Message, wrong);
        }
    }

    /// <summary>Empty when the template cannot be applied to this object; validation then reports the container's name.</summary>
    private static string Apply(Template template, ObjectMeta meta)
    {
        try
        {
            return template.Execute(TemplateData.Of(meta));
        }
        catch (TemplateException)
        {
            return "";
        }
    }
}
