namespace Serving.Api.Config;

/// <summary>How the ingress handles plain HTTP (<c>http-protocol</c>).</summary>
public enum HttpProtocol
{
    Enabled,
    Disabled,

    /// <summary>Redirected to HTTPS.</summary>
    Redirected,
}
