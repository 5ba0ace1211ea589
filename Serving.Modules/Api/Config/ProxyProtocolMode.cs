namespace Serving.Api.Config;

/// <summary>How a listener treats the PROXY protocol.</summary>
public enum ProxyProtocolMode
{
    /// <summary>No header is expected.</summary>
    Off,

    /// <summary>A trusted source may send a header; other connections are plain.</summary>
    Optional,

    /// <summary>Every connection must begin with a header.</summary>
    Required,
}
