// SPDX-License-Identifier: MIT
// List.java - looks up the domains of a file, one per line, with Java 17 or later.
//
//   EMAILSD_URL=http://127.0.0.1:8080 java docs/examples/List.java domains.txt
//
// Prints index, domain, and addresses or error code of each entry as it ends. If the stream breaks, or
// an entry has no result yet, sends the list again: known results cost nothing.
//
// Java has no JSON parser of its own, so this example finds the few members that it needs with regular
// expressions. Your program should use a JSON library.
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;

public class List {
    private static final int ATTEMPTS = 20;
    private static final Pattern ENTRY =
        Pattern.compile("^\\{\"index\":(\\d+),\"input\":\"((?:[^\"\\\\]|\\\\.)*)\",\"status\":(\\d+)");
    private static final Set<String> NOT_YET = Set.of("503", "504"); // of an entry: the list can get its result
    private static final Pattern EMAIL = Pattern.compile("\"email\":\"([^\"]+)\"");
    private static final Pattern CODE = Pattern.compile("\"code\":\"([a-z-]+)\"");

    private final HttpClient client = HttpClient.newHttpClient();
    private final String url =
        System.getenv().getOrDefault("EMAILSD_URL", "http://127.0.0.1:8080").replaceFirst("/$", "");
    private final String key = System.getenv("EMAILSD_KEY");
    private final String domains;
    private final long total;
    private final Set<Integer> done = new HashSet<>();

    List(String domains) {
        this.domains = domains;
        this.total = domains.lines().filter(line -> !line.isBlank()).count();
    }

    private HttpRequest request() {
        HttpRequest.Builder builder = HttpRequest.newBuilder(URI.create(url + "/emails"))
            .header("Content-Type", "text/plain")
            .header("Accept", "application/x-ndjson")
            .POST(HttpRequest.BodyPublishers.ofString(domains));
        if (key != null)
            builder.header("Authorization", "Bearer " + key);
        return builder.build();
    }

    /** Shows a result, unless it was shown before, or the entry has none yet. */
    private void use(String line) {
        var entry = ENTRY.matcher(line);
        if (!entry.find() || NOT_YET.contains(entry.group(3)) || !done.add(Integer.valueOf(entry.group(1))))
            return;
        var found = line.contains("\"problem\":") ? CODE.matcher(line) : EMAIL.matcher(line);
        System.out.println(entry.group(1) + "\t" + entry.group(2) + "\t" +
            found.results().map(match -> match.group(1)).collect(Collectors.joining(" ")));
    }

    /** Sends the list once. Throws if the stream breaks. Returns the seconds until the next attempt. */
    private long send(long pauseSeconds) throws IOException, InterruptedException {
        HttpResponse<Stream<String>> response = client.send(request(), HttpResponse.BodyHandlers.ofLines());
        int status = response.statusCode();
        try (Stream<String> lines = response.body()) {
            if (status == 429 || status == 503)
                return response.headers().firstValueAsLong("Retry-After").orElse(pauseSeconds);
            if (status != 200)
                throw new IllegalStateException(status + ": " + lines.collect(Collectors.joining()));
            lines.filter(line -> !line.isEmpty()).forEach(this::use); // an empty line keeps the connection open
        }
        return pauseSeconds;
    }

    /** Sends the list until each entry has a final result. */
    private void complete() throws InterruptedException {
        for (int attempt = 1; attempt <= ATTEMPTS; attempt++) {
            long pauseSeconds = attempt;
            try {
                pauseSeconds = send(pauseSeconds);
            } catch (IOException | UncheckedIOException error) {
                System.err.println("List.java: " + error.getMessage() + "; sending the list again");
            }
            if (done.size() == total)
                return;
            Thread.sleep(pauseSeconds * 1000);
        }
        throw new IllegalStateException(total - done.size() + " entries have no result yet");
    }

    public static void main(String[] arguments) throws IOException, InterruptedException {
        new List(Files.readString(Path.of(arguments[0]))).complete();
    }
}
