namespace Serving.Api.Config;

/// <summary>What happens to plain HTTP at the edge (<c>http-protocol</c>).</summary>
public enum HttpProtocol
{
    Enabled,
    Disabled,

    /// <summary>Answered with a redirect to HTTPS.</summary>
    Redirected,
}
