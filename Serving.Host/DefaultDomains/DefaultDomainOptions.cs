namespace Serving.Host.DefaultDomains;

/// <summary>Options of <see cref="DefaultDomainWriter"/>.</summary>
/// <param name="SystemNamespace">The namespace of config-domain.</param>
internal sealed record DefaultDomainOptions(string SystemNamespace)
{
    /// <summary>The DNS service of the domain.</summary>
    public string MagicDns { get; init; } = MagicDomain.DefaultService;

    /// <summary>The longest wait, for all steps together.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromMinutes(20);

    /// <summary>The delay before the next try.</summary>
    public TimeSpan PollInterval { get; init; } = TimeSpan.FromSeconds(5);
}
